/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "json.h"
#include "mono.h"
#include "owner.h"
#include "peers.h"

#define KEPT		150		/* of the daemon's, */
#define KEPT_BLOCKED	50		/* and of those that guests can make */
#define MAX_MOVED	200		/* peers in a tick */
#define MAX_BEHIND	16384		/* bytes that wait for a stream */
#define MAX_STALL	MONO_SEC(60)	/* so long, and it is ended */

struct stream {
	TAILQ_ENTRY(stream)	 entry;
	struct httpd_conn	*c;
	struct auth_who		 who;
	int			 on;		/* it was begun */
	mono_t			 behind;	/* since then, or 0 */
};

/* The last ones of a kind: n in all, of which there is room for some. */
struct ring {
	struct ctl_event	*v;
	size_t			 size;
	size_t			 n;
};
static struct ctl_event		 kept[KEPT], kept_blocked[KEPT_BLOCKED];
static struct ring		 rings[2] = { { kept, KEPT, 0 },
				    { kept_blocked, KEPT_BLOCKED, 0 } };
static int			 nview, max_view;	/* who only look */
static TAILQ_HEAD(, stream)	 streams = TAILQ_HEAD_INITIALIZER(streams);

void
events_init(int max)
{
	/* some are left for the others */
	max_view = max - max / EVENTS_LEFT;
}

static void
end_stream(struct httpd_conn *c, void *user)
{
	struct stream	*s = user;

	(void)c;
	TAILQ_REMOVE(&streams, s, entry);
	nview -= s->who.role == WEB_VIEW;
	free(s);
}

/* To all who listen and still may. */
static void
send_all(const char *text, size_t len)
{
	struct stream	*s, *next;
	mono_t		 now = mono_now();

	TAILQ_FOREACH_SAFE(s, &streams, entry, next) {
		if (!s->on)
			continue;
		if (!auth_still(&s->who)) {
			httpd_end(s->c);
			continue;
		}
		/* several may come before the first of them is sent */
		if (httpd_waiting(s->c) <= MAX_BEHIND) {
			s->behind = 0;
			httpd_send(s->c, text, len);
			continue;
		}
		if (s->behind == 0)
			s->behind = now;
		else if (now - s->behind >= MAX_STALL)
			httpd_end(s->c);
	}
}

static void
put_event(FILE *f, const struct ctl_event *e)
{
	fprintf(f, "{\"when\":%" PRIu64 ",\"kind\":", e->when);
	json_string(f, e->kind);
	fprintf(f, ",\"peer\":");
	json_string(f, e->peer);
	fprintf(f, ",\"text\":");
	json_string(f, e->text);
	fprintf(f, ",\"lost\":%u}", e->lost);
}

/* One event of this name; fn writes what it says, on one line. */
static void
announce(const char *name, void (*fn)(FILE *, const void *), const void *arg)
{
	char	*text = NULL;
	size_t	 len = 0;
	FILE	*f;

	if (TAILQ_EMPTY(&streams) || (f = open_memstream(&text, &len)) ==
	    NULL)
		return;
	fprintf(f, "event: %s\ndata: ", name);
	fn(f, arg);
	fprintf(f, "\n\n");
	if (fclose(f) == 0)
		send_all(text, len);
	free(text);
}

static void
put_log(FILE *f, const void *arg)
{
	put_event(f, arg);
}

void
events_take(const struct ctl_event *e)
{
	struct ring		*r;
	struct ctl_event	*k;

	/* guests can make many of these, and push nothing else out */
	r = &rings[strncmp(e->kind, "blocked", sizeof(e->kind)) == 0];
	k = &r->v[r->n++ % r->size];
	*k = *e;
	k->kind[sizeof(k->kind) - 1] = k->peer[sizeof(k->peer) - 1] =
	    k->text[sizeof(k->text) - 1] = '\0';
	announce("log", put_log, k);
}

static void
put_nothing(FILE *f, const void *arg)
{
	(void)arg;
	fprintf(f, "{}");
}

static void
put_tick(FILE *f, const void *arg)
{
	const struct web_peer	*p;
	double			 rx, tx;
	size_t			 i, n, told = 0;

	(void)arg;
	p = peers_all(&n);
	peers_rates(&rx, &tx);
	fprintf(f, "{\"rx_bytes\":%" PRIu64 ",\"tx_bytes\":%" PRIu64
	    ",\"rx_rate\":%.0f,\"tx_rate\":%.0f,\"online\":%u,\"peers\":[",
	    peers_summary()->rx_bytes, peers_summary()->tx_bytes, rx, tx,
	    peers_online());
	for (i = 0; i < n && told < MAX_MOVED; i++) {
		if (!p[i].moved)
			continue;
		if (told++ > 0)
			putc(',', f);
		peers_json(f, &p[i], 0);
	}
	for (; i < n && !p[i].moved; i++)
		continue;
	fprintf(f, "],\"more\":%s}", i < n ? "true" : "false");
}

void
events_tick(int named)
{
	if (!TAILQ_EMPTY(&streams))
		peers_wanted();
	if (named)
		announce("peers", put_nothing, NULL);
	announce("tick", put_tick, NULL);
}

void
events_check(void)
{
	/* a comment, which nobody sees */
	send_all(":\n\n", 3);
}

void
events_stream(struct httpd_conn *c, const struct auth_who *who,
    const char *headers)
{
	struct stream	*s;
	char		*text = NULL;
	size_t		 len = 0;
	FILE		*f;

	if ((who->role == WEB_VIEW && nview >= max_view) ||
	    (s = calloc(1, sizeof(*s))) == NULL) {
		httpd_answer(c, "503 Service Unavailable", headers, NULL, 0);
		return;
	}
	s->c = c;
	s->who = *who;
	nview += who->role == WEB_VIEW;
	TAILQ_INSERT_TAIL(&streams, s, entry);
	if (owner_set(c, s, end_stream) == -1) {
		end_stream(c, s);
		httpd_answer(c, "503 Service Unavailable", headers, NULL, 0);
		return;
	}
	if (httpd_stream(c, headers) == -1)
		return;
	s->on = 1;
	peers_wanted();
	if ((f = open_memstream(&text, &len)) == NULL)
		return;
	/* a browser that is cut off comes back after this time */
	fprintf(f, "retry: 3000\nevent: tick\ndata: ");
	put_tick(f, NULL);
	fprintf(f, "\n\n");
	if (fclose(f) == 0)
		httpd_send(c, text, len);
	free(text);
}

/* The one before the i-th from the end; NULL: there is none. */
static const struct ctl_event *
newest(const struct ring *r, size_t i)
{
	if (i >= r->n || i >= r->size)
		return (NULL);
	return (&r->v[(r->n - 1 - i) % r->size]);
}

void
events_json(FILE *f)
{
	const struct ctl_event	*a, *b;
	size_t			 i = 0, k = 0;

	putc('[', f);
	for (;;) {
		a = newest(&rings[0], i);
		b = newest(&rings[1], k);
		if (a == NULL && b == NULL)
			break;
		if (i + k > 0)
			putc(',', f);
		if (b == NULL || (a != NULL && a->when >= b->when)) {
			put_event(f, a);
			i++;
		} else {
			put_event(f, b);
			k++;
		}
	}
	putc(']', f);
}
