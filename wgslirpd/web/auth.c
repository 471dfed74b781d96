/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <sodium.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth.h"
#include "log.h"
#include "mono.h"

#define COOKIE		"wgslirpd"
#define MAX_SESSIONS	256
#define MAX_PER_USER	16
#define MAX_FROM	256	/* prefixes of proxies */
#define IDLE_TIME	MONO_SEC(12 * 3600)	/* without a request */
#define WHOLE_TIME	MONO_SEC(7 * 86400)
#define MAX_COUNTED	256	/* of log-ins, that are counted */
#define TRIES		5	/* in a row, of one source, */
#define TRY_TIME	MONO_SEC(10)	/* and then one in this time */
#define MAX_PER_SEC	4	/* hashes in all */

const char	*auth_wanted[AUTH_HEADERS + 1] = {
	[AUTH_COOKIE] = "Cookie",
	[AUTH_HOST] = "Host",
	[AUTH_ORIGIN] = "Origin",
	[AUTH_SITE] = "Sec-Fetch-Site",
	[AUTH_CSRF] = "X-CSRF-Token",
	[AUTH_FORWARDED_FOR] = "X-Forwarded-For",
	[AUTH_FORWARDED_PROTO] = "X-Forwarded-Proto"
};

/* Users and proxies: those in force, and those that are staged. */
struct policy {
	struct web_user		 user[MAX_WEB_USERS];
	size_t			 nusers;
	struct web_trust	 trust;
	struct ipprefix		 from[MAX_FROM];
	size_t			 nfrom;
};
static struct policy	 now, next;

static struct session {
	uint8_t		 token[AUTH_TOKEN];
	char		 name[WEB_USER_LEN];
	mono_t		 since;		/* 0: it is free */
	mono_t		 seen;
} sessions[MAX_SESSIONS];

/* Where log-ins come from that were wrong. */
static struct source {
	struct ipaddr	 addr;
	mono_t		 again;		/* when all is forgotten */
} sources[MAX_COUNTED];

static uint8_t	 secret[crypto_generichash_KEYBYTES];
static mono_t	 hashed;		/* the next may begin then */

void
auth_init(void)
{
	if (sodium_init() == -1)
		fatalx("libsodium");
	randombytes_buf(secret, sizeof(secret));
}

/* ---- configuration */

void
auth_stage_user(const struct web_user *u)
{
	struct web_user	*n;

	if (next.nusers == MAX_WEB_USERS || u->role > WEB_ADMIN)
		fatalx("bad user");
	n = &next.user[next.nusers++];
	*n = *u;
	n->name[sizeof(n->name) - 1] = n->hash[sizeof(n->hash) - 1] = '\0';
}

void
auth_stage_trust(const struct web_trust *t)
{
	next.trust = *t;
	next.trust.header[sizeof(next.trust.header) - 1] = '\0';
}

void
auth_stage_from(const struct ipprefix *p)
{
	if (next.nfrom < MAX_FROM)
		next.from[next.nfrom++] = *p;
}

static const struct web_user *
find_user(const struct policy *p, const char *name)
{
	size_t	 i;

	for (i = 0; i < p->nusers; i++)
		if (strcmp(p->user[i].name, name) == 0)
			return (&p->user[i]);
	return (NULL);
}

static void
session_end(struct session *s)
{
	explicit_bzero(s, sizeof(*s));
}

void
auth_commit(void)
{
	const struct web_user	*a, *b;
	size_t			 i;

	/* another password is another user */
	for (i = 0; i < MAX_SESSIONS; i++) {
		if (sessions[i].since == 0)
			continue;
		a = find_user(&now, sessions[i].name);
		b = find_user(&next, sessions[i].name);
		if (a == NULL || b == NULL || strcmp(a->hash, b->hash) != 0)
			session_end(&sessions[i]);
	}
	now = next;
	explicit_bzero(&next, sizeof(next));
	auth_wanted[AUTH_USER] = now.trust.header[0] != '\0' ?
	    now.trust.header : NULL;
}

/* ---- who it is */

/* What changes by somebody have to carry: nobody else can make it. */
static void
make_csrf(struct auth_who *w)
{
	crypto_generichash_state	 st;
	uint8_t				 h[AUTH_TOKEN];

	crypto_generichash_init(&st, secret, sizeof(secret), sizeof(h));
	crypto_generichash_update(&st, w->token, sizeof(w->token));
	crypto_generichash_update(&st, (const uint8_t *)w->name,
	    sizeof(w->name));
	crypto_generichash_final(&st, h, sizeof(h));
	sodium_bin2hex(w->csrf, sizeof(w->csrf), h, sizeof(h));
}

int
auth_is_proxy(const struct ipaddr *a)
{
	size_t	 i;

	for (i = 0; i < now.nfrom; i++)
		if (ipprefix_match(&now.from[i], a))
			return (1);
	return (0);
}

/* Is this from a proxy that is believed? */
static int
is_proxy(const struct httpd_request *r)
{
	if (now.trust.header[0] == '\0')
		return (0);
	return (r->local || auth_is_proxy(&r->from));
}

static int
who_by_proxy(const struct httpd_request *r, struct auth_who *w)
{
	const struct web_user	*u;
	const char		*name = r->header[AUTH_USER];

	if (name == NULL || *name == '\0' || !is_proxy(r) ||
	    strlcpy(w->name, name, sizeof(w->name)) >= sizeof(w->name))
		return (-1);
	if ((u = find_user(&now, name)) != NULL)
		w->role = (enum web_role)u->role;
	else if (now.trust.role != -1)
		w->role = now.trust.role == WEB_ADMIN ? WEB_ADMIN : WEB_VIEW;
	else
		return (-1);
	w->by_proxy = 1;
	return (0);
}

static int
is_over(const struct session *s)
{
	mono_t	 t = mono_now();

	return (t - s->seen >= IDLE_TIME || t - s->since >= WHOLE_TIME);
}

/* All are compared, so that the time does not tell which. */
static struct session *
find_session(const uint8_t token[AUTH_TOKEN])
{
	struct session	*found = NULL;
	size_t		 i;

	for (i = 0; i < MAX_SESSIONS; i++)
		if (sodium_memcmp(sessions[i].token, token, AUTH_TOKEN) == 0 &&
		    sessions[i].since != 0)
			found = &sessions[i];
	if (found != NULL && is_over(found)) {
		session_end(found);
		return (NULL);
	}
	return (found);
}

/* The token of a cookie (RFC 6265 4.2); -1 if there is none, or several. */
static int
read_cookie(const char *s, uint8_t token[AUTH_TOKEN])
{
	size_t	 n, len, found = 0;

	for (; s != NULL && *s != '\0'; s += n + strspn(s + n, "; ")) {
		n = strcspn(s, ";");
		if (strncmp(s, COOKIE "=", sizeof(COOKIE)) != 0)
			continue;
		if (n - sizeof(COOKIE) != AUTH_TEXT - 1 || found++ ||
		    sodium_hex2bin(token, AUTH_TOKEN, s + sizeof(COOKIE),
		    AUTH_TEXT - 1, NULL, &len, NULL) == -1 ||
		    len != AUTH_TOKEN)
			return (-1);
	}
	return (found == 1 ? 0 : -1);
}

int
auth_who(const struct httpd_request *r, struct auth_who *w)
{
	const struct web_user	*u;
	struct session		*s;

	memset(w, 0, sizeof(*w));
	if (who_by_proxy(r, w) == 0) {
		make_csrf(w);
		return (0);
	}
	memset(w, 0, sizeof(*w));
	if (read_cookie(r->header[AUTH_COOKIE], w->token) == -1 ||
	    (s = find_session(w->token)) == NULL ||
	    (u = find_user(&now, s->name)) == NULL)
		return (-1);
	s->seen = mono_now();
	strlcpy(w->name, s->name, sizeof(w->name));
	w->role = (enum web_role)u->role;
	make_csrf(w);
	return (0);
}

int
auth_still(const struct auth_who *w)
{
	const struct web_user	*u;

	u = find_user(&now, w->name);
	if (!w->by_proxy)
		return (u != NULL && find_session(w->token) != NULL &&
		    u->role == w->role);
	if (now.trust.header[0] == '\0')
		return (0);
	return (u != NULL ? u->role == w->role :
	    now.trust.role == (int)w->role);
}

/*
 * A browser says whose page makes a request that changes something; whoever has
 * no browser says nothing, and has no cookies of others.
 */
int
auth_same_origin(const struct httpd_request *r)
{
	const char	*origin = r->header[AUTH_ORIGIN];
	const char	*site = r->header[AUTH_SITE];

	if (site != NULL && strcmp(site, "same-origin") != 0 &&
	    strcmp(site, "none") != 0)
		return (0);
	if (origin == NULL)
		return (1);
	if (r->header[AUTH_HOST] == NULL ||
	    (origin = strstr(origin, "://")) == NULL)
		return (0);
	return (strcasecmp(origin + 3, r->header[AUTH_HOST]) == 0);
}

int
auth_csrf_ok(const struct httpd_request *r, const struct auth_who *w)
{
	const char	*s = r->header[AUTH_CSRF];

	return (s != NULL && strlen(s) == AUTH_TEXT - 1 &&
	    sodium_memcmp(s, w->csrf, AUTH_TEXT - 1) == 0);
}

/* ---- logging in */

/* Who tries: the client, or what a proxy says of it; IPv6 by its network. */
static void
source_of(const struct httpd_request *r, struct ipaddr *a)
{
	const char	*s = r->header[AUTH_FORWARDED_FOR], *last;
	struct ipprefix	 p;

	*a = r->from;
	if (s != NULL && is_proxy(r)) {
		last = strrchr(s, ',');
		last = last != NULL ? last + 1 : s;
		last += strspn(last, " ");
		if (ipaddr_parse(&p.addr, last) == 0)
			*a = p.addr;
	}
	if (a->af != 6)
		return;
	p.addr = *a;
	p.len = 64;
	ipprefix_mask(&p);
	*a = p.addr;
}

/* Its entry, or the one that is forgotten first. */
static struct source *
find_source(const struct ipaddr *a)
{
	struct source	*s, *old = &sources[0];

	for (s = sources; s < sources + MAX_COUNTED; s++) {
		if (ipaddr_cmp(&s->addr, a) == 0)
			return (s);
		if (s->again < old->again)
			old = s;
	}
	old->addr = *a;
	old->again = 0;
	return (old);
}

/* May this source try now, and does this process have the time? */
static int
may_try(const struct source *s)
{
	mono_t	 t = mono_now();

	return (s->again <= t + (TRIES - 1) * TRY_TIME && hashed <= t);
}

static void
cookie_header(const struct httpd_request *r, const char *value, long age,
    char *buf, size_t len)
{
	const char	*proto = r != NULL ? r->header[AUTH_FORWARDED_PROTO] :
			    NULL;

	snprintf(buf, len, "Set-Cookie: " COOKIE "=%s; Path=/; HttpOnly; "
	    "SameSite=Strict; Max-Age=%ld%s\r\n", value, age,
	    proto != NULL && strcmp(proto, "https") == 0 ? "; Secure" : "");
}

/*
 * A new one, in the place of the one that was seen least recently: of the same
 * user, if he has many, so that nobody ends those of others.
 */
static struct session *
session_new(const char *name)
{
	struct session	*s = &sessions[0], *own = NULL;
	int		 i, n = 0;

	for (i = 0; i < MAX_SESSIONS; i++) {
		if (sessions[i].seen < s->seen)
			s = &sessions[i];
		if (sessions[i].since == 0 ||
		    strcmp(sessions[i].name, name) != 0)
			continue;
		n++;
		if (own == NULL || sessions[i].seen < own->seen)
			own = &sessions[i];
	}
	if (n >= MAX_PER_USER)
		s = own;
	randombytes_buf(s->token, sizeof(s->token));
	strlcpy(s->name, name, sizeof(s->name));
	s->since = s->seen = mono_now();
	return (s);
}

/*
 * What the password of a user that does not exist is compared with, so that
 * its answer takes as long as any: the hash of one that does, or nothing.
 */
static const char *
any_hash(const struct policy *p)
{
	static const char	 none[crypto_pwhash_STRBYTES];
	size_t			 i;

	for (i = 0; i < p->nusers; i++)
		if (p->user[i].hash[0] != '\0')
			return (p->user[i].hash);
	return (none);
}

/*
 * Is there what it takes to compare a password with this hash?  It says how
 * many KiB (RFC 9106); libsodium answers "another password" if there are not.
 */
static int
has_memory(const char *hash)
{
	unsigned int	 kib;
	void *volatile	 p;		/* or a compiler leaves it out */

	if (sscanf(hash, "$argon2%*[id]$v=%*u$m=%u,", &kib) != 1)
		return (1);
	p = reallocarray(NULL, kib, 1024);
	free(p);
	return (p != NULL);
}

enum auth_result
auth_login(const struct httpd_request *r, const char *name,
    const char *password, struct auth_who *w, char *cookie, size_t len)
{
	const struct web_user	*u = find_user(&now, name);
	struct source		*src;
	struct session		*s;
	struct ipaddr		 a;
	char			 text[AUTH_TEXT], from[ADDR_STRLEN];
	int			 known = u != NULL && u->hash[0] != '\0';
	const char		*hash;
	int			 ok;
	mono_t			 t;

	source_of(r, &a);
	src = find_source(&a);
	if (!may_try(src))
		return (AUTH_WAIT);
	hash = known ? u->hash : any_hash(&now);
	if (!has_memory(hash)) {
		/* nor is the log filled faster than by those that are wrong */
		hashed = mono_now() + MONO_SEC(1) / MAX_PER_SEC;
		log_warnx("log-in: no memory for the hash of a password");
		return (AUTH_MEMORY);
	}
	ok = crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
	t = mono_now();
	hashed = t + MONO_SEC(1) / MAX_PER_SEC;
	if (!ok || !known) {
		src->again = (src->again > t ? src->again : t) + TRY_TIME;
		log_warnx("log-in by %s: wrong", a.af != 0 ? ipaddr_str(&a,
		    from, sizeof(from)) : "the UNIX socket");
		return (AUTH_WRONG);
	}
	src->again = 0;
	s = session_new(name);
	memset(w, 0, sizeof(*w));
	memcpy(w->token, s->token, sizeof(w->token));
	strlcpy(w->name, name, sizeof(w->name));
	w->role = (enum web_role)u->role;
	make_csrf(w);
	sodium_bin2hex(text, sizeof(text), s->token, sizeof(s->token));
	cookie_header(r, text, (long)(WHOLE_TIME / MONO_SEC(1)), cookie, len);
	explicit_bzero(text, sizeof(text));
	log_info("%s has logged in", name);
	return (AUTH_OK);
}

void
auth_logout(const struct auth_who *w, char *cookie, size_t len)
{
	struct session	*s;

	if (!w->by_proxy && (s = find_session(w->token)) != NULL)
		session_end(s);
	cookie_header(NULL, "", 0, cookie, len);
}
