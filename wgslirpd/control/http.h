/* SPDX-License-Identifier: ISC */

#ifndef HTTP_H
#define HTTP_H

/*
 * The figures by HTTP: sockets are staged with a configuration and serve
 * from its commit on.  The descriptor is this module's then.
 */
void	 http_stage(int);
void	 http_commit(void);

#endif
