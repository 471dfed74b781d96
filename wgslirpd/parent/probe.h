/* SPDX-License-Identifier: ISC */

#ifndef PROBE_H
#define PROBE_H

#include "config.h"

#define PROBE_ERR	128

/*
 * What a health check looks at, from text.  -1 with what is wrong in err, of
 * PROBE_ERR bytes.
 *
 * probe_name:	a host name, and the server to ask, or NULL for the host's
 * probe_http:	"http://host[:port]/path"
 * probe_print:	the statements for what there is
 */
int	 probe_name(struct conf_health *, const char *, const char *, char *);
int	 probe_http(struct conf_health *, const char *, char *);
void	 probe_print(const struct conf_health *);

#endif
