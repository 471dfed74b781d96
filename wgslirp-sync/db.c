/* SPDX-License-Identifier: ISC */

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "log.h"

#define TIMEOUT		"5"		/* seconds to connect */
#define CHANNEL		"wgslirpd_peers"

/* The columns of struct db_row, in its order. */
static const char	 peers_query[] =
    "SELECT p.name, p.public_key, coalesce(p.preshared_key, ''), "
    "array_to_string(p.allowed_ips, ' '), coalesce(p.quota::text, ''), "
    "coalesce(p.rate_in::text, ''), coalesce(p.rate_out::text, ''), "
    "coalesce(p.max_flows::text, ''), "
    "CASE WHEN p.expires IS NULL OR p.expires = 'infinity' THEN '' "
    "WHEN p.expires < '1971-01-01' THEN '1971-01-01T00:00:00Z' "
    "ELSE to_char(p.expires AT TIME ZONE 'UTC', "
    "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') END, "
    "coalesce(sum(u.rx + u.tx), 0)::text "
    "FROM peers p LEFT JOIN usage u USING (public_key) "
    "WHERE p.enabled GROUP BY p.name ORDER BY p.name";

/*
 * What was counted since the last time.  The daemon begins anew with each of
 * its starts, and with a peer that was gone in between.
 */
static const char	 usage_query[] =
    "INSERT INTO usage AS u (public_key, gateway, rx, tx, handshake, "
    "started, rx_seen, tx_seen) SELECT $1::text, $2::text, $3::bigint, "
    "$4::bigint, to_timestamp(nullif($5::bigint, 0)), $6::bigint, "
    "$3::bigint, $4::bigint ON CONFLICT (public_key, gateway) DO UPDATE SET "
    "rx = u.rx + excluded.rx_seen - CASE WHEN u.started = excluded.started "
    "AND u.rx_seen <= excluded.rx_seen THEN u.rx_seen ELSE 0 END, "
    "tx = u.tx + excluded.tx_seen - CASE WHEN u.started = excluded.started "
    "AND u.tx_seen <= excluded.tx_seen THEN u.tx_seen ELSE 0 END, "
    "handshake = coalesce(excluded.handshake, u.handshake), "
    "started = excluded.started, rx_seen = excluded.rx_seen, "
    "tx_seen = excluded.tx_seen";

struct db_rows {
	PGresult	*res;
};

/* What has been written down. */
struct written {
	char		 key[KEY_B64LEN];
	uint64_t	 rx, tx;
};

static PGconn		*conn;
static struct written	*written;
static size_t		 nwritten;
static uint64_t		 written_of;	/* the daemon's start */
static int		 told;

static void
notice(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

/* Say why, once, and give up the connection. */
static int
wrong(const char *what)
{
	char	 line[512];

	strlcpy(line, conn != NULL ? PQerrorMessage(conn) : "out of memory",
	    sizeof(line));
	line[strcspn(line, "\n")] = '\0';
	log_clean(line);
	if (!told)
		log_warnx("database: %s: %s", what, line);
	told = 1;
	db_close();
	return (-1);
}

void
db_close(void)
{
	PQfinish(conn);
	conn = NULL;
	/* another connection may be to another database */
	free(written);
	written = NULL;
	nwritten = 0;
}

static PGresult *
query(const char *q, int n, const char *const *values)
{
	PGresult	*res;
	ExecStatusType	 s;

	res = PQexecParams(conn, q, n, NULL, values, NULL, NULL, 0);
	s = PQresultStatus(res);
	if (s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK)
		return (res);
	PQclear(res);
	return (NULL);
}

static int
command(const char *q, int n, const char *const *values)
{
	PGresult	*res = query(q, n, values);

	if (res == NULL)
		return (wrong("query"));
	PQclear(res);
	return (0);
}

/* Is this the only one for this gateway? */
static int
alone(const char *gateway)
{
	PGresult	*res;
	int		 r;

	res = query("SELECT pg_try_advisory_lock(hashtext('wgslirp-sync'), "
	    "hashtext($1))", 1, &gateway);
	if (res == NULL)
		return (wrong("lock"));
	r = PQntuples(res) == 1 && strcmp(PQgetvalue(res, 0, 0), "t") == 0;
	PQclear(res);
	if (!r) {
		if (!told)
			log_warnx("database: another wgslirp-sync is there for "
			    "gateway \"%s\"", gateway);
		told = 1;
		db_close();
		return (-1);
	}
	return (0);
}

void
db_well(void)
{
	if (told)
		log_info("database: well again");
	told = 0;
}

int
db_open(const char *info, const char *gateway)
{
	static const char *const	 words[] = { "connect_timeout",
					    "application_name",
					    "keepalives_idle",
					    "tcp_user_timeout", "dbname",
					    NULL };
	const char			*values[] = { TIMEOUT, "wgslirp-sync",
					    "10", "10000",
					    info != NULL ? info : "", NULL };

	conn = PQconnectdbParams(words, values, 1);
	if (conn == NULL || PQstatus(conn) != CONNECTION_OK)
		return (wrong("connection"));
	PQsetNoticeProcessor(conn, notice, NULL);
	if (alone(gateway) == -1 ||
	    command("SET statement_timeout = '20s'", 0, NULL) == -1 ||
	    command("LISTEN " CHANNEL, 0, NULL) == -1)
		return (-1);
	return (0);
}

int
db_fd(void)
{
	return (conn == NULL ? -1 : PQsocket(conn));
}

int
db_changed(void)
{
	PGnotify	*n;
	int		 changed = 0;

	if (PQconsumeInput(conn) == 0)
		return (wrong("connection"));
	while ((n = PQnotifies(conn)) != NULL) {
		changed = 1;
		PQfreemem(n);
	}
	return (changed);
}

struct db_rows *
db_peers(void)
{
	struct db_rows	*r;
	PGresult	*res = query(peers_query, 0, NULL);

	if (res == NULL) {
		wrong("peers");
		return (NULL);
	}
	if ((r = calloc(1, sizeof(*r))) == NULL)
		fatal(NULL);
	r->res = res;
	return (r);
}

size_t
db_rows_count(const struct db_rows *r)
{
	return ((size_t)PQntuples(r->res));
}

void
db_row(const struct db_rows *r, size_t i, struct db_row *row)
{
	const char	**column[] = { &row->name, &row->key, &row->psk,
			    &row->aips, &row->quota, &row->rate_in,
			    &row->rate_out, &row->max_flows, &row->expires,
			    &row->used };
	int		  c;

	for (c = 0; c < (int)(sizeof(column) / sizeof(column[0])); c++)
		*column[c] = PQgetvalue(r->res, (int)i, c);
}

void
db_rows_free(struct db_rows *r)
{
	if (r == NULL)
		return;
	PQclear(r->res);
	free(r);
}

static int
cmp_key(const void *a, const void *b)
{
	return (strcmp(((const struct written *)a)->key,
	    ((const struct written *)b)->key));
}

/* Is that what was written down last? */
static int
known(const struct daemon *d, const struct daemon_peer *p)
{
	struct written	 k, *w;

	if (nwritten == 0 || written_of != d->started)
		return (0);
	strlcpy(k.key, p->key, sizeof(k.key));
	w = bsearch(&k, written, nwritten, sizeof(k), cmp_key);
	return (w != NULL && w->rx == p->rx && w->tx == p->tx);
}

static int
write_one(const char *gateway, const struct daemon *d,
    const struct daemon_peer *p)
{
	char		 rx[24], tx[24], hs[24], started[24];
	const char	*values[] = { p->key, gateway, rx, tx, hs, started };

	snprintf(rx, sizeof(rx), "%" PRIu64, p->rx);
	snprintf(tx, sizeof(tx), "%" PRIu64, p->tx);
	snprintf(hs, sizeof(hs), "%" PRIu64, p->handshake);
	snprintf(started, sizeof(started), "%" PRIu64, d->started);
	return (command(usage_query, 6, values));
}

int
db_usage(const char *gateway, const struct daemon *d)
{
	struct written	*w;
	size_t		 i, n = 0;

	for (i = 0; i < d->npeers; i++) {
		if (known(d, &d->peer[i]) || (d->peer[i].rx == 0 &&
		    d->peer[i].tx == 0))
			continue;
		if (n++ == 0 && command("BEGIN", 0, NULL) == -1)
			return (-1);
		if (write_one(gateway, d, &d->peer[i]) == -1)
			return (-1);
	}
	if (n == 0)
		return (0);
	if (command("COMMIT", 0, NULL) == -1)
		return (-1);
	if ((w = calloc(d->npeers, sizeof(*w))) == NULL)
		fatal(NULL);
	for (i = 0; i < d->npeers; i++) {
		strlcpy(w[i].key, d->peer[i].key, sizeof(w[i].key));
		w[i].rx = d->peer[i].rx;
		w[i].tx = d->peer[i].tx;
	}
	free(written);
	written = w;
	nwritten = d->npeers;
	written_of = d->started;
	return (0);
}
