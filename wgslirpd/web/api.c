/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "api.h"
#include "edit.h"
#include "events.h"
#include "json.h"
#include "page.h"
#include "peers.h"

#define API		"/api/v1/"
#define MAX_PAGE	500		/* peers in an answer */
#define PAGE		50
#define TEXT_LEN	256

/* ---- what is asked for */

static void
not_found(struct httpd_conn *c)
{
	answer_error(c, "404 Not Found", "there is nothing here");
}

/* A field of the query or the form; "" if it is not there, or not good. */
static const char *
field(const char *form, const char *name, char buf[TEXT_LEN])
{
	if (httpd_field(form, name, buf, TEXT_LEN) == NULL)
		buf[0] = '\0';
	return (buf);
}

static uint64_t
number(const char *form, const char *name, uint64_t dflt, uint64_t max)
{
	char		 buf[TEXT_LEN];
	const char	*errstr;
	long long	 v;

	if (*field(form, name, buf) == '\0')
		return (dflt);
	v = strtonum(buf, 0, (long long)max, &errstr);
	return (errstr == NULL ? (uint64_t)v : dflt);
}

/* ---- sessions */

static void
put_who(FILE *f, const struct auth_who *w)
{
	fprintf(f, "{\"user\":");
	json_string(f, w->name);
	fprintf(f, ",\"role\":\"%s\",\"csrf\":\"%s\",\"by_proxy\":%s}\n",
	    w->role == WEB_ADMIN ? "admin" : "view", w->csrf,
	    w->by_proxy ? "true" : "false");
}

static void
show_who(struct httpd_conn *c, const struct auth_who *w, const char *cookie)
{
	struct answer	 t;

	if (answer_begin(c, &t) == NULL)
		return;
	put_who(t.f, w);
	answer_end(&t, "200 OK", cookie);
}

static void
login(struct httpd_conn *c, const struct httpd_request *r)
{
	struct auth_who	 who;
	char		 user[TEXT_LEN], password[TEXT_LEN], cookie[256];

	(void)field(r->body, "user", user);
	(void)field(r->body, "password", password);
	switch (auth_login(r, user, password, &who, cookie, sizeof(cookie))) {
	case AUTH_OK:
		show_who(c, &who, cookie);
		break;
	case AUTH_WRONG:
		answer_error(c, "403 Forbidden", "that is not the name and the "
		    "password of a user");
		break;
	case AUTH_WAIT:
		answer_error(c, "429 Too Many Requests", "too many have been "
		    "wrong: wait a moment");
		break;
	case AUTH_MEMORY:
		answer_error(c, "503 Service Unavailable", "the gateway has "
		    "too little memory to look at a password");
		break;
	}
	explicit_bzero(password, sizeof(password));
	explicit_bzero(cookie, sizeof(cookie));
}

static void
logout(struct httpd_conn *c, const struct auth_who *w)
{
	struct answer	 t;
	char		 cookie[256];

	auth_logout(w, cookie, sizeof(cookie));
	if (answer_begin(c, &t) != NULL) {
		fprintf(t.f, "{}\n");
		answer_end(&t, "200 OK", cookie);
	}
	events_check();
}

/* ---- what there is */

/* Why peers cannot be changed here, or "". */
static const char *
why_not(void)
{
	const struct ctl_setup	*s = peers_setup();

	if (s->files)
		return ("");
	if (s->config[0] == '\0')
		return ("The daemon has its configuration from the "
		    "environment: peers are made there.");
	if (s->peers_dir[0] == '\0')
		return ("There is no place for peers' files: add the line "
		    "include \"peers.d/*.conf\" to the configuration, and "
		    "restart.");
	return ("The folder of the peers' files is not the one of the start, "
	    "or others can write there: see the log, and restart.");
}

static void
show_summary(struct httpd_conn *c)
{
	const struct ctl_summary	*s = peers_summary();
	struct answer			 t;
	char				 key[KEY_B64LEN];
	double				 rx, tx;

	if (answer_begin(c, &t) == NULL)
		return;
	peers_rates(&rx, &tx);
	key_to_base64(key, s->public_key);
	fprintf(t.f, "{\"public_key\":\"%s\",\"started\":%" PRIu64
	    ",\"peers\":%u,\"online\":%u,\"rx_bytes\":%" PRIu64
	    ",\"tx_bytes\":%" PRIu64 ",\"rx_rate\":%.0f,\"tx_rate\":%.0f,"
	    "\"port\":%u,\"mtu\":%u,\"paused\":%s,\"editable\":%s,"
	    "\"why_not\":", key, s->started, s->peers, peers_online(),
	    s->rx_bytes, s->tx_bytes, rx, tx, s->port, s->mtu,
	    s->paused ? "true" : "false", *why_not() == '\0' ? "true" :
	    "false");
	json_string(t.f, why_not());
	fprintf(t.f, ",\"public_endpoint\":");
	json_string(t.f, peers_setup()->public_host);
	fprintf(t.f, "}\n");
	answer_end(&t, "200 OK", "");
}

/* Which peers are shown, and how. */
static struct {
	const struct web_peer	*all;
	char			 search[TEXT_LEN];
	char			 state[TEXT_LEN];
	int			 down;
	int			 (*cmp)(const struct web_peer *,
				    const struct web_peer *);
} list;

static int
by_name(const struct web_peer *a, const struct web_peer *b)
{
	int	 r = strcasecmp(a->c.name, b->c.name);

	return (r != 0 ? r : strcmp(a->c.name, b->c.name));
}

static int
three(double a, double b)
{
	return (a < b ? -1 : a > b);
}

static int
by_rate(const struct web_peer *a, const struct web_peer *b)
{
	return (three(a->rx_rate + a->tx_rate, b->rx_rate + b->tx_rate));
}

static int
by_bytes(const struct web_peer *a, const struct web_peer *b)
{
	return (three((double)(a->c.rx_bytes + a->c.tx_bytes),
	    (double)(b->c.rx_bytes + b->c.tx_bytes)));
}

static int
by_handshake(const struct web_peer *a, const struct web_peer *b)
{
	return (three((double)a->c.latest_handshake,
	    (double)b->c.latest_handshake));
}

static int
by_expires(const struct web_peer *a, const struct web_peer *b)
{
	double	 x = a->c.expires != 0 ? (double)a->c.expires : 1e18;
	double	 y = b->c.expires != 0 ? (double)b->c.expires : 1e18;

	return (three(x, y));
}

static int
by_state(const struct web_peer *a, const struct web_peer *b)
{
	return ((int)a->state - (int)b->state);
}

static int
cmp_listed(const void *a, const void *b)
{
	const uint32_t	*x = a, *y = b;
	int		 r;

	r = list.cmp(&list.all[*x], &list.all[*y]);
	if (list.down)
		r = -r;
	/* the same order each time */
	return (r != 0 ? r : by_name(&list.all[*x], &list.all[*y]));
}

/* Is it one of those that are looked for? */
static int
listed(const struct web_peer *p)
{
	char		 text[ADDR_STRLEN];
	uint32_t	 i;

	if ((strcmp(list.state, "online") == 0 && p->state != PEER_ONLINE) ||
	    (strcmp(list.state, "offline") == 0 && p->state != PEER_OFFLINE &&
	    p->state != PEER_NEVER) || (strcmp(list.state, "over") == 0 &&
	    p->state != PEER_CUT) || (strcmp(list.state, "disabled") == 0 &&
	    p->state != PEER_DISABLED))
		return (0);
	if (list.search[0] == '\0' || strcasestr(p->c.name, list.search) !=
	    NULL)
		return (1);
	for (i = 0; i < p->naips && i < CTL_ADDRESSES; i++)
		if (strstr(ipprefix_str(&p->aip[i], text, sizeof(text)),
		    list.search) != NULL)
			return (1);
	return (0);
}

static void
read_sort(const char *query)
{
	static const struct {
		const char	*name;
		int		 (*cmp)(const struct web_peer *,
				    const struct web_peer *);
	}	 sorts[] = { { "name", by_name }, { "rate", by_rate },
		    { "bytes", by_bytes }, { "handshake", by_handshake },
		    { "expires", by_expires }, { "state", by_state } };
	char	 buf[TEXT_LEN];
	size_t	 i;

	list.cmp = by_name;
	(void)field(query, "sort", buf);
	for (i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++)
		if (strcmp(buf, sorts[i].name) == 0)
			list.cmp = sorts[i].cmp;
	list.down = strcmp(field(query, "order", buf), "desc") == 0;
}

static void
show_peers(struct httpd_conn *c, const char *query)
{
	struct answer	 t;
	uint32_t	*v;
	size_t		 i, n, matched = 0, offset, limit;

	list.all = peers_all(&n);
	(void)field(query, "search", list.search);
	(void)field(query, "state", list.state);
	read_sort(query);
	offset = number(query, "offset", 0, INT32_MAX);
	limit = number(query, "limit", PAGE, MAX_PAGE);
	if ((v = calloc(n + 1, sizeof(*v))) == NULL ||
	    answer_begin(c, &t) == NULL) {
		if (v == NULL)
			answer_error(c, "503 Service Unavailable",
			    "out of memory");
		free(v);
		return;
	}
	for (i = 0; i < n; i++)
		if (listed(&list.all[i]))
			v[matched++] = (uint32_t)i;
	qsort(v, matched, sizeof(*v), cmp_listed);
	fprintf(t.f, "{\"total\":%zu,\"matched\":%zu,\"offset\":%zu,"
	    "\"peers\":[", n, matched, offset);
	for (i = offset; i < matched && i - offset < limit; i++) {
		if (i > offset)
			putc(',', t.f);
		peers_json(t.f, &list.all[v[i]], 1);
	}
	fprintf(t.f, "]}\n");
	answer_end(&t, "200 OK", "");
	free(v);
}

static void
show_peer(struct httpd_conn *c, const struct web_peer *p)
{
	struct answer	 t;

	if (answer_begin(c, &t) == NULL)
		return;
	peers_json(t.f, p, 1);
	putc('\n', t.f);
	answer_end(&t, "200 OK", "");
}

static void
show_history(struct httpd_conn *c, const char *query)
{
	const struct web_peer	*p;
	const struct series	*s = peers_total();
	struct answer		 t;
	char			 buf[TEXT_LEN];
	int			 span;

	if (*field(query, "peer", buf) != '\0') {
		if ((p = peers_find(buf)) == NULL) {
			not_found(c);
			return;
		}
		s = p->series;
	}
	span = history_span_by_name(*field(query, "span", buf) != '\0' ?
	    buf : "minutes");
	if (span == -1)
		answer_error(c, "400 Bad Request", "span: minutes, hours or "
		    "days");
	else if (answer_begin(c, &t) != NULL) {
		series_json(s, (enum history_span)span, peers_clock(), t.f);
		putc('\n', t.f);
		answer_end(&t, "200 OK", "");
	}
}

static void
show_events(struct httpd_conn *c)
{
	struct answer	 t;

	if (answer_begin(c, &t) == NULL)
		return;
	fprintf(t.f, "{\"events\":");
	events_json(t.f);
	fprintf(t.f, "}\n");
	answer_end(&t, "200 OK", "");
}

/* ---- changes */

/* A field of a form into a member; -1 if it is too long, or not good. */
static int
take(const char *form, const char *name, char *to, size_t len)
{
	size_t		 n = strlen(name);
	const char	*s;

	to[0] = '\0';
	for (s = form; (s = strstr(s, name)) != NULL; s += n)
		if (s[n] == '=' && (s == form || s[-1] == '&'))
			return (httpd_field(form, name, to, len) == NULL ?
			    -1 : 0);
	return (0);
}
#define TAKE(form, name, to)	take(form, name, to, sizeof(to))

static void
change_peer(struct httpd_conn *c, const struct httpd_request *r,
    const char *name)
{
	static const char *const	 whats[] = {
		[EDIT_NEW] = "new", [EDIT_SET] = "set",
		[EDIT_ENABLE] = "enable", [EDIT_DISABLE] = "disable",
		[EDIT_RENAME] = "rename", [EDIT_DELETE] = "delete"
	};
	struct ctl_edit			 e;
	char				 what[TEXT_LEN];
	uint32_t			 i;

	memset(&e, 0, sizeof(e));
	if (TAKE(r->body, "to", e.to) == -1 ||
	    TAKE(r->body, "expires", e.expires) == -1 ||
	    TAKE(r->body, "quota", e.quota) == -1 ||
	    TAKE(r->body, "rate_in", e.rate_in) == -1 ||
	    TAKE(r->body, "rate_out", e.rate_out) == -1 ||
	    TAKE(r->body, "host", e.host) == -1 ||
	    (name == NULL ? TAKE(r->body, "name", e.name) == -1 :
	    strlcpy(e.name, name, sizeof(e.name)) >= sizeof(e.name))) {
		answer_error(c, "400 Bad Request", "a value is too long");
		return;
	}
	if (r->method == HTTPD_DELETE)
		e.what = EDIT_DELETE;
	else if (name == NULL)
		e.what = EDIT_NEW;
	else {
		(void)field(r->body, "action", what);
		for (i = EDIT_SET; i <= EDIT_RENAME; i++)
			if (strcmp(what, whats[i]) == 0)
				break;
		if (i > EDIT_RENAME) {
			answer_error(c, "400 Bad Request", "action: set, "
			    "enable, disable or rename");
			return;
		}
		e.what = i;
	}
	edit_peer(c, &e);
}

static void
kill_flow(struct httpd_conn *c, const char *id)
{
	const char	*errstr;
	long long	 v;

	v = strtonum(id, 1, INT64_MAX, &errstr);
	if (errstr != NULL)
		not_found(c);
	else
		edit_kill_flow(c, (uint64_t)v);
}

/* ---- which of all that */

/* Something below API that is not about sessions. */
static void
get(struct httpd_conn *c, struct httpd_request *r, const char *what,
    const struct auth_who *w)
{
	const struct web_peer	*p;
	char			 buf[TEXT_LEN];

	peers_wanted();
	if (strcmp(what, "stream") == 0)
		events_stream(c, w, ANSWER_SAFE "Content-Type: "
		    "text/event-stream\r\nX-Accel-Buffering: no\r\n");
	else if (!peers_ready())
		answer_error(c, "503 Service Unavailable", "not ready yet");
	else if (strcmp(what, "summary") == 0)
		show_summary(c);
	else if (strcmp(what, "peers") == 0)
		show_peers(c, r->query);
	else if (strncmp(what, "peers/", 6) == 0) {
		if (httpd_decode(what + 6, buf, sizeof(buf)) == NULL ||
		    (p = peers_find(buf)) == NULL)
			not_found(c);
		else
			show_peer(c, p);
	} else if (strcmp(what, "history") == 0)
		show_history(c, r->query);
	else if (strcmp(what, "events") == 0)
		show_events(c);
	else if (strcmp(what, "flows") == 0)
		edit_show(c, what, field(r->query, "peer", buf));
	else if (strcmp(what, "rules") == 0 || strcmp(what, "names") == 0 ||
	    strcmp(what, "processes") == 0)
		edit_show(c, what, NULL);
	else
		not_found(c);
}

static void
change(struct httpd_conn *c, const struct httpd_request *r, const char *what,
    const struct auth_who *w)
{
	char	 buf[TEXT_LEN];

	if (!auth_csrf_ok(r, w)) {
		answer_error(c, "403 Forbidden", "X-CSRF-Token is not that of "
		    "the session");
		return;
	}
	if (strcmp(what, "session") == 0 && r->method == HTTPD_DELETE) {
		logout(c, w);
		return;
	}
	if (w->role != WEB_ADMIN)
		answer_error(c, "403 Forbidden", "this user may look, and no "
		    "more");
	else if (strcmp(what, "peers") == 0 && r->method == HTTPD_POST)
		change_peer(c, r, NULL);
	else if (strncmp(what, "peers/", 6) == 0 &&
	    httpd_decode(what + 6, buf, sizeof(buf)) != NULL)
		change_peer(c, r, buf);
	else if (strncmp(what, "flows/", 6) == 0 &&
	    r->method == HTTPD_DELETE)
		kill_flow(c, what + 6);
	else
		not_found(c);
}

static void
api(struct httpd_conn *c, struct httpd_request *r, const char *what)
{
	struct auth_who	 who;
	int		 known;

	if (r->method == HTTPD_OTHER) {
		answer_error(c, "405 Method Not Allowed", "GET, POST, DELETE");
		return;
	}
	if (r->method != HTTPD_GET && !auth_same_origin(r)) {
		answer_error(c, "403 Forbidden", "from another page");
		return;
	}
	if (strcmp(what, "session") == 0 && r->method == HTTPD_POST) {
		login(c, r);
		return;
	}
	known = auth_who(r, &who) == 0;
	if (!known)
		answer_error(c, "401 Unauthorized", "log in first");
	else if (r->method != HTTPD_GET)
		change(c, r, what, &who);
	else if (strcmp(what, "session") == 0)
		show_who(c, &who, "");
	else
		get(c, r, what, &who);
	explicit_bzero(&who, sizeof(who));
}

void
api_request(struct httpd_conn *c, struct httpd_request *r)
{
	const struct page_file	*f;
	char			 headers[1024];

	if (strncmp(r->path, API, strlen(API)) == 0) {
		api(c, r, r->path + strlen(API));
		return;
	}
	for (f = page_files; f->path != NULL; f++)
		if (strcmp(r->path, f->path) == 0)
			break;
	if (f->path == NULL)
		not_found(c);
	else if (r->method != HTTPD_GET)
		answer_error(c, "405 Method Not Allowed", "GET");
	else {
		snprintf(headers, sizeof(headers), "%sContent-Type: %s\r\n",
		    ANSWER_SAFE, f->type);
		httpd_answer(c, "200 OK", headers, f->data, f->len);
	}
}
