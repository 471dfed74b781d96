/* SPDX-License-Identifier: ISC */

#ifndef DB_H
#define DB_H

#include <stddef.h>
#include <stdint.h>

#include "daemon.h"

/*
 * The database.  Functions return -1 after telling what is wrong; the
 * connection is gone then, and db_open() makes another one.  Strings of a row
 * are the database's: hostile, and valid until db_rows_free().
 */
struct db_row {
	const char	*name;
	const char	*key;
	const char	*psk;		/* "": none */
	const char	*aips;		/* with spaces between */
	const char	*quota;		/* "": none, as all that follow */
	const char	*rate_in;
	const char	*rate_out;
	const char	*max_flows;
	const char	*expires;	/* RFC 3339 */
	const char	*used;		/* bytes, on all gateways */
};

struct db_rows;

/*
 * Connect, by libpq's connection string or NULL, for the gateway of this name,
 * and listen for changes.
 */
int		 db_open(const char *, const char *);

/* All went well: what is wrong next is told. */
void		 db_well(void);
void		 db_close(void);

/* The socket to wait on, or -1 without a connection. */
int		 db_fd(void);

/* Take what has come in.  1 if peers have changed. */
int		 db_changed(void);

/* All peers that are enabled, by name. */
struct db_rows	*db_peers(void);
size_t		 db_rows_count(const struct db_rows *);
void		 db_row(const struct db_rows *, size_t, struct db_row *);
void		 db_rows_free(struct db_rows *);

/* Write down what the peers have used at this gateway, all or nothing. */
int		 db_usage(const char *, const struct daemon *);

#endif
