/* SPDX-License-Identifier: ISC */

#ifndef HTTPD_H
#define HTTPD_H

#include <stddef.h>

#include "addr.h"

/*
 * HTTP/1.1 (RFC 9112) for a few clients: each connection has one request, a
 * short time in all, and is closed after its answer, but for streams, which go
 * on.  Requests are parsed by libhttp-parser, which knows no system.  What is
 * ambiguous is refused: a header that is wanted and comes twice, a body that is
 * too long.  Where there are too many, one that had its time makes room.
 */
struct httpd;
struct httpd_conn;

enum httpd_method {
	HTTPD_GET,		/* HEAD too: its body is left out below */
	HTTPD_POST,
	HTTPD_DELETE,
	HTTPD_OTHER
};

#define HTTPD_WANTED	12	/* headers that are looked at, at most */

struct httpd_request {
	enum httpd_method	 method;
	char			*path;	/* as it came, without the query */
	char			*query;	/* or "" */
	const char		*header[HTTPD_WANTED];	/* NULL: it has none */
	char			*body;	/* with a NUL behind it */
	size_t			 bodylen;
	struct ipaddr		 from;
	int			 local;	/* by a UNIX socket: from nowhere */
};

/*
 * What a server is for.  wanted ends with NULL; its order is that of the
 * request's headers.  request() has to answer, now or later; closed() tells
 * that a connection with data of the user is gone, whoever ended it.
 */
struct httpd_ops {
	const char *const	*wanted;
	void	 (*request)(struct httpd_conn *, struct httpd_request *);
	void	 (*closed)(struct httpd_conn *, void *);
	int	 (*exempt)(const struct ipaddr *);	/* it has many; NULL */
	int	 max_conns;	/* that wait for an answer, */
	int	 max_streams;	/* or stay */
	size_t	 max_body;
};

/*
 * httpd_new:		NULL if there is no memory
 * httpd_stage:		a socket that listens, which is the server's then; 1: it
 *			is a UNIX socket
 * httpd_allow:		the last of those is for clients of this prefix, and of
 *			others that are said; -1: there is no memory
 * httpd_commit:	those that were staged take the place of the others
 * httpd_user:		data of the user's, NULL at first
 * httpd_answer:	status is "200 OK"; headers, each with its CRLF, or ""
 * httpd_stream:	begin an answer without an end; -1: there are too many,
 *			and the client has heard so
 * httpd_send:		more of it; what does not fit waits
 * httpd_waiting:	how much that is, in bytes
 * httpd_end:		end a connection, now
 */
struct httpd	*httpd_new(const struct httpd_ops *);
void		 httpd_stage(struct httpd *, int, int);
int		 httpd_allow(struct httpd *, const struct ipprefix *);
void		 httpd_commit(struct httpd *);
void		*httpd_user(struct httpd_conn *);
void		 httpd_set_user(struct httpd_conn *, void *);
void		 httpd_answer(struct httpd_conn *, const char *, const char *,
		    const void *, size_t);
int		 httpd_stream(struct httpd_conn *, const char *);
void		 httpd_send(struct httpd_conn *, const void *, size_t);
size_t		 httpd_waiting(struct httpd_conn *);
void		 httpd_end(struct httpd_conn *);

/* A part of a path, decoded; NULL where a field would be. */
const char	*httpd_decode(const char *, char *, size_t);

/*
 * The value of a field of a query or a form (the WHATWG's URL standard, 5.1:
 * application/x-www-form-urlencoded), decoded into buf; NULL if it is not
 * there, comes twice, has a NUL or does not fit.
 */
const char	*httpd_field(const char *, const char *, char *, size_t);

#endif
