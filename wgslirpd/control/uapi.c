/* SPDX-License-Identifier: ISC */

/*
 * The configuration protocol of wg(8), on a UNIX stream socket: text,
 * "get=1" or "set=1", one key=value a line, an empty line at the end.
 * Keys are documented with wg(8)'s cross-platform interface.
 *
 * A set is parsed as it comes in.  Only when all of it was right does it
 * go to the parent, as one change; a client whose change waits for that
 * of another is not read meanwhile.  A get is asked for in portions, the
 * next one when the client has read the last.  Buffers are fixed, and
 * wiped: keys pass through them.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "log.h"
#include "set.h"
#include "client.h"
#include "uapi.h"

#define MAX_CLIENTS	16
#define LINE_MAX_LEN	1024
#define IN_LEN		8192
#define OUT_LEN		49152	/* a portion with every field at its longest */
#define MAX_SET_AIPS	(1U << 20)
#define MAX_STEPS	(2 * MAX_PEERS)

enum uapi_state {
	STATE_IDLE,		/* an operation comes next */
	STATE_GET,		/* its empty line comes next */
	STATE_SET,		/* keys come next */
	STATE_TURN,		/* complete, another change is under way */
	STATE_CHANGE,		/* it is with the parent */
	STATE_ANSWER		/* a get is being answered */
};

/* A peer of a set, with where its allowed IPs begin. */
struct uapi_step {
	struct set_peer	 m;
	uint32_t	 first_aip;
};

struct uapi_client {
	TAILQ_ENTRY(uapi_client)	 entry;
	struct event		*ev;
	int			 fd;
	struct question		*q;		/* of a get, or NULL */
	enum uapi_state		 state;
	int			 error;		/* of the set, an errno */
	int			 eof;
	int			 more;
	struct set_device	 dev;
	struct uapi_step	*steps;
	uint32_t		 nsteps;
	uint32_t		 capsteps;
	struct set_aip		*aips;
	uint32_t		 naips;
	uint32_t		 capaips;
	size_t			 inlen;
	size_t			 outlen;
	size_t			 outpos;
	char			 in[IN_LEN];
	char			 out[OUT_LEN];
};

static struct {
	struct event		*accept_ev;
	struct event		*pause_ev;
	struct imsgev		*parent;
	int			 fd;
	int			 nclients;
	int			 changing;	/* somebody's is with parent */
	TAILQ_HEAD(, uapi_client)	 clients;
} ua;

static void	 client_event(evutil_socket_t, short, void *);
static void	 get_record(void *, uint32_t, const void *, size_t);

/* Forget the set; it holds keys. */
static void
set_reset(struct uapi_client *c)
{
	if (c->steps != NULL)
		freezero(c->steps, c->capsteps * sizeof(*c->steps));
	free(c->aips);
	c->steps = NULL;
	c->aips = NULL;
	c->nsteps = c->capsteps = c->naips = c->capaips = 0;
	explicit_bzero(&c->dev, sizeof(c->dev));
	c->error = 0;
}

static void
client_close(struct uapi_client *c)
{
	if (c->q != NULL)
		ask_cancel(c->q);
	TAILQ_REMOVE(&ua.clients, c, entry);
	ua.nclients--;
	event_free(c->ev);
	close(c->fd);
	set_reset(c);
	freezero(c, sizeof(*c));
}

static void
client_arm(struct uapi_client *c)
{
	short	 want = EV_PERSIST;

	if (c->state <= STATE_SET && c->outlen == 0 && !c->eof)
		want |= EV_READ;
	if (c->outlen > 0)
		want |= EV_WRITE;
	event_del(c->ev);
	event_assign(c->ev, evbase, c->fd, want, client_event, c);
	event_add(c->ev, NULL);
}

/* Add a line to the answer; a portion always fits. */
static void	 put(struct uapi_client *, const char *, ...)
		    __attribute__((__format__(printf, 2, 3)));

static void
put(struct uapi_client *c, const char *fmt, ...)
{
	va_list	 ap;
	int	 n;

	va_start(ap, fmt);
	n = vsnprintf(c->out + c->outlen, sizeof(c->out) - c->outlen, fmt,
	    ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(c->out) - c->outlen)
		fatalx("uapi: answer too long");
	c->outlen += (size_t)n;
}

static void
put_key(struct uapi_client *c, const char *name, const uint8_t key[KEY_LEN])
{
	char	 hex[2 * KEY_LEN + 1];
	int	 i;

	for (i = 0; i < KEY_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	put(c, "%s=%s\n", name, hex);
	explicit_bzero(hex, sizeof(hex));
}

/* ---- set */

static int
parse_key(const char *s, uint8_t key[KEY_LEN])
{
	return (strlen(s) == 2 * KEY_LEN && key_from_text(key, s) == 0 ?
	    0 : EINVAL);
}

static int
parse_number(const char *s, uint32_t max, uint32_t *out)
{
	const char	*errstr;

	if (*s < '0' || *s > '9')
		return (EINVAL);
	*out = (uint32_t)strtonum(s, 0, max, &errstr);
	return (errstr == NULL ? 0 : EINVAL);
}

static int
parse_true(const char *s)
{
	return (strcmp(s, "true") == 0 ? 0 : EINVAL);
}

/* "ip:port", "[ip6]:port", with "%scope" as a number. */
static int
parse_endpoint(char *s, struct set_peer *m)
{
	char	*colon, *scope;

	if ((colon = strrchr(s, ':')) == NULL ||
	    port_parse(colon + 1, &m->ep_port) == -1)
		return (EINVAL);
	*colon = '\0';
	m->ep_scope = 0;
	if (*s == '[') {
		if (colon == s + 1 || colon[-1] != ']')
			return (EINVAL);
		colon[-1] = '\0';
		s++;
		m->ep_ifname[0] = '\0';
		if ((scope = strchr(s, '%')) != NULL) {
			*scope++ = '\0';
			/* a number, or the name of an interface */
			if (parse_number(scope, UINT32_MAX, &m->ep_scope) !=
			    0 && strlcpy(m->ep_ifname, scope,
			    sizeof(m->ep_ifname)) >= sizeof(m->ep_ifname))
				return (EINVAL);
		}
		return (ipaddr_parse(&m->ep_addr, s) == 0 &&
		    m->ep_addr.af == 6 ? 0 : EINVAL);
	}
	return (ipaddr_parse(&m->ep_addr, s) == 0 && m->ep_addr.af == 4 ?
	    0 : EINVAL);
}

/* Room for one more of an array.  Returns 0, or an errno. */
static int
grow(void **v, uint32_t n, uint32_t *cap, uint32_t max, size_t size)
{
	uint32_t	 want = *cap == 0 ? 16 : 2 * *cap;
	void		*p;

	if (n < *cap)
		return (0);
	if (n >= max)
		return (ENOSPC);
	if ((p = recallocarray(*v, *cap, want, size)) == NULL)
		return (ENOMEM);
	*v = p;
	*cap = want;
	return (0);
}

static int
add_step(struct uapi_client *c, const char *value)
{
	struct uapi_step	*s;
	void			*v = c->steps;
	int			 r;

	if ((r = grow(&v, c->nsteps, &c->capsteps, MAX_STEPS,
	    sizeof(*c->steps))) != 0)
		return (r);
	c->steps = v;
	s = &c->steps[c->nsteps];
	memset(s, 0, sizeof(*s));
	s->first_aip = c->naips;
	if ((r = parse_key(value, s->m.public_key)) == 0)
		c->nsteps++;
	return (r);
}

static int
add_aip(struct uapi_client *c, const char *value)
{
	struct set_aip	*a;
	void		*v = c->aips;
	int		 r;

	if ((r = grow(&v, c->naips, &c->capaips, MAX_SET_AIPS,
	    sizeof(*c->aips))) != 0)
		return (r);
	c->aips = v;
	a = &c->aips[c->naips];
	memset(a, 0, sizeof(*a));
	if (*value == '-') {
		a->remove = 1;
		value++;
	}
	if (ipprefix_parse(&a->prefix, value) == -1)
		return (EINVAL);
	ipprefix_mask(&a->prefix);
	c->naips++;
	return (0);
}

static int
device_key(struct uapi_client *c, const char *key, char *value)
{
	struct set_device	*d = &c->dev;
	uint32_t		 n;
	int			 r;

	if (strcmp(key, "private_key") == 0) {
		d->flags |= SET_PRIVATE_KEY;
		return (parse_key(value, d->private_key));
	}
	if (strcmp(key, "listen_port") == 0) {
		d->flags |= SET_LISTEN_PORT;
		if ((r = parse_number(value, UINT16_MAX, &n)) == 0)
			d->listen_port = (uint16_t)n;
		return (r);
	}
	if (strcmp(key, "fwmark") == 0) {
		/* marking needs a capability that nobody here has */
		if ((r = parse_number(value, UINT32_MAX, &n)) != 0)
			return (r);
		return (n == 0 ? 0 : EOPNOTSUPP);
	}
	if (strcmp(key, "replace_peers") == 0) {
		d->flags |= SET_REPLACE_PEERS;
		return (parse_true(value));
	}
	return (EINVAL);
}

static int
peer_key(struct uapi_client *c, const char *key, char *value)
{
	struct set_peer	*m = &c->steps[c->nsteps - 1].m;
	uint32_t	 n;
	int		 r;

	if (strcmp(key, "allowed_ip") == 0)
		return (add_aip(c, value));
	if (strcmp(key, "remove") == 0) {
		m->flags |= SET_REMOVE;
		return (parse_true(value));
	}
	if (strcmp(key, "update_only") == 0) {
		m->flags |= SET_UPDATE_ONLY;
		return (parse_true(value));
	}
	if (strcmp(key, "preshared_key") == 0) {
		m->flags |= SET_PSK;
		return (parse_key(value, m->psk));
	}
	if (strcmp(key, "endpoint") == 0) {
		m->flags |= SET_ENDPOINT;
		return (parse_endpoint(value, m));
	}
	if (strcmp(key, "persistent_keepalive_interval") == 0) {
		m->flags |= SET_KEEPALIVE;
		if ((r = parse_number(value, UINT16_MAX, &n)) == 0)
			m->keepalive = (uint16_t)n;
		return (r);
	}
	if (strcmp(key, "replace_allowed_ips") == 0) {
		/* what came before it is replaced, too */
		m->flags |= SET_REPLACE_AIPS;
		c->naips = c->steps[c->nsteps - 1].first_aip;
		return (parse_true(value));
	}
	if (strcmp(key, "protocol_version") == 0)
		return (strcmp(value, "1") == 0 ? 0 : EINVAL);
	return (EINVAL);
}

/* One line of a set; after an error only its end matters. */
static void
set_line(struct uapi_client *c, char *line)
{
	char	*eq;

	if (c->error != 0)
		return;
	if ((eq = strchr(line, '=')) == NULL) {
		c->error = EPROTO;
		return;
	}
	*eq++ = '\0';
	if (strcmp(line, "public_key") == 0)
		c->error = add_step(c, eq);
	else if (c->nsteps == 0)
		c->error = device_key(c, line, eq);
	else
		c->error = peer_key(c, line, eq);
}

static void
set_answer(struct uapi_client *c)
{
	/* zero has no sign */
	if (c->error == 0)
		put(c, "errno=0\n\n");
	else
		put(c, "errno=-%d\n\n", c->error);
	set_reset(c);
	c->state = STATE_IDLE;
	/* the others first, the next time */
	TAILQ_REMOVE(&ua.clients, c, entry);
	TAILQ_INSERT_TAIL(&ua.clients, c, entry);
}

/* Hand the change over as a whole. */
static void
set_send(struct uapi_client *c)
{
	uint32_t	 i, k, end;

	imsgev_must(ua.parent, IMSG_SET_BEGIN, 0, -1, &c->dev,
	    sizeof(c->dev));
	for (i = 0; i < c->nsteps; i++) {
		imsgev_must(ua.parent, IMSG_SET_PEER, 0, -1, &c->steps[i].m,
		    sizeof(c->steps[i].m));
		end = i + 1 < c->nsteps ? c->steps[i + 1].first_aip :
		    c->naips;
		for (k = c->steps[i].first_aip; k < end; k++)
			imsgev_must(ua.parent, IMSG_SET_AIP, 0, -1,
			    &c->aips[k], sizeof(c->aips[k]));
	}
	imsgev_must(ua.parent, IMSG_SET_END, 0, -1, NULL, 0);
	set_reset(c);
	c->state = STATE_CHANGE;
	ua.changing = 1;
}

static void
set_end(struct uapi_client *c)
{
	if (c->error != 0)
		set_answer(c);
	else if (ua.changing)
		c->state = STATE_TURN;
	else
		set_send(c);
}

/* The change that was sent is made, or failed with an errno. */
void
uapi_set_done(int error)
{
	struct uapi_client	*c, *next;

	if (!ua.changing)
		fatalx("parent answered a change that was not asked for");
	ua.changing = 0;
	TAILQ_FOREACH(c, &ua.clients, entry)
		if (c->state == STATE_CHANGE)
			break;
	/* it may be gone */
	if (c != NULL) {
		c->error = error;
		set_answer(c);
		client_arm(c);
	}
	TAILQ_FOREACH_SAFE(c, &ua.clients, entry, next)
		if (c->state == STATE_TURN) {
			set_send(c);
			break;
		}
}

/* ---- get */

static void
get_ask(struct uapi_client *c)
{
	c->state = STATE_ANSWER;
	c->q = ask(IMSG_UAPI_GET, NULL, get_record, c);
	if (c->q == NULL) {
		put(c, "errno=%d\n\n", EIO);
		c->state = STATE_IDLE;
	}
}

static void
put_device(struct uapi_client *c, const void *data)
{
	struct uapi_device	 m;

	memcpy(&m, data, sizeof(m));
	if (m.has_key)
		put_key(c, "private_key", m.private_key);
	put(c, "listen_port=%u\n", m.listen_port);
	explicit_bzero(&m, sizeof(m));
}

static void
put_peer(struct uapi_client *c, const void *data)
{
	struct sockaddr_storage	 ss;
	struct uapi_peer	 m;
	char			 buf[ADDR_STRLEN];

	memcpy(&m, data, sizeof(m));
	put_key(c, "public_key", m.public_key);
	if (!key_is_zero(m.psk))
		put_key(c, "preshared_key", m.psk);
	put(c, "protocol_version=1\n");
	if (m.endpoint.af != 0) {
		sa_make(&ss, &m.endpoint, m.endpoint_port);
		sa_set_scope(&ss, m.ep_scope);
		put(c, "endpoint=%s\n", sa_str((struct sockaddr *)&ss, buf,
		    sizeof(buf)));
	}
	put(c, "last_handshake_time_sec=%llu\n"
	    "last_handshake_time_nsec=%u\n"
	    "tx_bytes=%llu\nrx_bytes=%llu\n"
	    "persistent_keepalive_interval=%u\n",
	    (unsigned long long)m.latest_handshake, m.latest_nsec,
	    (unsigned long long)m.tx_bytes, (unsigned long long)m.rx_bytes,
	    m.keepalive);
	explicit_bzero(&m, sizeof(m));
}

static void
put_aip(struct uapi_client *c, const void *data)
{
	struct ctl_aip	 m;
	char		 buf[ADDR_STRLEN];

	memcpy(&m, data, sizeof(m));
	put(c, "allowed_ip=%s\n", ipprefix_str(&m.prefix, buf, sizeof(buf)));
}

/* A record of the answer of the crypto engine, or its end. */
static void
get_record(void *arg, uint32_t type, const void *data, size_t len)
{
	struct uapi_client	*c = arg;

	(void)len;		/* checked by its type */
	switch (type) {
	case IMSG_UAPI_DEVICE:
		put_device(c, data);
		break;
	case IMSG_UAPI_PEER:
		put_peer(c, data);
		break;
	case CTL_AIP:
		put_aip(c, data);
		break;
	case CTL_MORE:
		if (c->outlen > 0)
			c->more = 1;
		else
			ask_next(c->q);
		break;
	case CTL_END:
	case CTL_FAIL:
		c->q = NULL;
		c->more = 0;
		put(c, "errno=%d\n\n", type == CTL_END ? 0 : EIO);
		c->state = STATE_IDLE;
		break;
	default:
		bad_imsg("crypto", type);
	}
	client_arm(c);
}

/* ---- clients */

/* One line without its end.  -1 if the client is to be dropped. */
static int
client_line(struct uapi_client *c, char *line)
{
	switch (c->state) {
	case STATE_IDLE:
		if (strcmp(line, "get=1") == 0)
			c->state = STATE_GET;
		else if (strcmp(line, "set=1") == 0)
			c->state = STATE_SET;
		else
			return (-1);
		break;
	case STATE_GET:
		if (*line != '\0')
			return (-1);
		get_ask(c);
		break;
	case STATE_SET:
		if (*line != '\0')
			set_line(c, line);
		else
			set_end(c);
		break;
	default:
		return (-1);
	}
	return (0);
}

/* Take what was read, as long as no operation is under way. */
static int
client_take(struct uapi_client *c)
{
	char	*nl;
	size_t	 pos = 0;
	int	 r = 0;

	while (r == 0 && c->state <= STATE_SET && c->outlen == 0 &&
	    (nl = memchr(c->in + pos, '\n', c->inlen - pos)) != NULL) {
		*nl = '\0';
		r = client_line(c, c->in + pos);
		pos = (size_t)(nl + 1 - c->in);
	}
	memmove(c->in, c->in + pos, c->inlen - pos);
	c->inlen -= pos;
	explicit_bzero(c->in + c->inlen, sizeof(c->in) - c->inlen);
	if (c->state <= STATE_SET && c->inlen > LINE_MAX_LEN &&
	    memchr(c->in, '\n', c->inlen) == NULL)
		return (-1);
	return (r);
}

/* -1 if the client is gone. */
static int
client_write(struct uapi_client *c)
{
	ssize_t	 n;

	n = write(c->fd, c->out + c->outpos, c->outlen - c->outpos);
	if (n == -1)
		return (errno == EAGAIN || errno == EINTR ? 0 : -1);
	c->outpos += (size_t)n;
	if (c->outpos < c->outlen)
		return (0);
	explicit_bzero(c->out, c->outlen);
	c->outpos = c->outlen = 0;
	if (c->more) {
		c->more = 0;
		ask_next(c->q);
	}
	return (0);
}

static void
client_event(evutil_socket_t fd, short what, void *arg)
{
	struct uapi_client	*c = arg;
	ssize_t			 n;

	if (what & EV_WRITE && client_write(c) == -1) {
		client_close(c);
		return;
	}
	if (what & EV_READ) {
		n = read(fd, c->in + c->inlen, sizeof(c->in) - c->inlen);
		if (n == 0 || (n == -1 && errno != EAGAIN &&
		    errno != EINTR))
			c->eof = 1;
		else if (n > 0)
			c->inlen += (size_t)n;
	}
	if (client_take(c) == -1 || (c->eof && c->state <= STATE_SET &&
	    c->outlen == 0)) {
		client_close(c);
		return;
	}
	client_arm(c);
}

static void
accept_resume(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_add(ua.accept_ev, NULL);
}

/* Who was served longest ago and asks for nothing has to go. */
static void
make_room(void)
{
	struct uapi_client	*c;

	TAILQ_FOREACH(c, &ua.clients, entry)
		if (c->state <= STATE_SET) {
			client_close(c);
			break;
		}
}

static void
accept_client(evutil_socket_t fd, short what, void *arg)
{
	struct uapi_client	*c;
	int			 s;

	(void)what;
	(void)arg;
	if ((s = accept_or_pause(fd, ua.accept_ev, ua.pause_ev)) == -1)
		return;
	if (!client_may(s)) {
		close(s);
		return;
	}
	if (ua.nclients >= MAX_CLIENTS)
		make_room();
	if (ua.nclients >= MAX_CLIENTS ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		close(s);
		return;
	}
	c->fd = s;
	c->ev = event_new(evbase, s, EV_READ | EV_PERSIST, client_event, c);
	if (c->ev == NULL) {
		free(c);
		close(s);
		return;
	}
	event_add(c->ev, NULL);
	TAILQ_INSERT_TAIL(&ua.clients, c, entry);
	ua.nclients++;
}

void
uapi_start(int fd, struct imsgev *parent)
{
	TAILQ_INIT(&ua.clients);
	ua.fd = fd;
	ua.parent = parent;
	ua.accept_ev = event_new(evbase, fd, EV_READ | EV_PERSIST,
	    accept_client, NULL);
	ua.pause_ev = evtimer_new(evbase, accept_resume, NULL);
	if (ua.accept_ev == NULL || ua.pause_ev == NULL ||
	    event_add(ua.accept_ev, NULL) == -1)
		fatalx("uapi socket");
}
