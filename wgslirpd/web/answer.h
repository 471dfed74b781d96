/* SPDX-License-Identifier: ISC */

#ifndef ANSWER_H
#define ANSWER_H

#include <stdio.h>

#include "httpd.h"

/* What every answer says: the page is alone, and stays so. */
#define ANSWER_SAFE \
	"Content-Security-Policy: default-src 'none'; script-src 'self'; " \
	"style-src 'self'; img-src 'self'; connect-src 'self'; " \
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'\r\n" \
	"X-Content-Type-Options: nosniff\r\n" \
	"X-Frame-Options: DENY\r\n" \
	"Referrer-Policy: no-referrer\r\n" \
	"Cross-Origin-Opener-Policy: same-origin\r\n" \
	"Cross-Origin-Resource-Policy: same-origin\r\n" \
	"Cache-Control: no-store\r\n"

/*
 * A text that is being made for an answer in JSON.  answer_begin() returns NULL
 * if there is no memory, and has answered then; answer_end() answers with what
 * was written, with an additional header and its CRLF, or "".  Meanwhile it
 * stays where it is.
 */
struct answer {
	struct httpd_conn	*c;
	FILE			*f;
	char			*text;
	size_t			 len;
};
FILE	*answer_begin(struct httpd_conn *, struct answer *);
void	 answer_end(struct answer *, const char *, const char *);

/* {"error":"..."} with a status. */
void	 answer_error(struct httpd_conn *, const char *, const char *);

#endif
