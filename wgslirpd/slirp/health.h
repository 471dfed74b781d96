/* SPDX-License-Identifier: ISC */

#ifndef HEALTH_H
#define HEALTH_H

#include "conf.h"
#include "net/slirp.h"

/*
 * Does the network behind this gateway answer?  What the configuration names
 * is asked every 15 seconds, sooner after a failure; it is unwell after two in
 * a row.
 */
void		 health_init(struct slirp *);

/* From now on look at this, which is copied. */
void		 health_commit(const struct conf_health *);

/* NULL, or what does not answer; valid until the next call. */
const char	*health_wrong(void);

#endif
