/* SPDX-License-Identifier: ISC */

#ifndef API_H
#define API_H

#include "httpd.h"

/*
 * What is asked of the page's server: its own files, and JSON below /api/v1/,
 * which wgslirpd.conf(5) describes.
 */
void	 api_request(struct httpd_conn *, struct httpd_request *);

#endif
