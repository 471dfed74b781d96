/* SPDX-License-Identifier: ISC */

/*
 * The configuration in memory, whichever front end made it.
 */

#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "log.h"

static int	 cmp_peer_key(const struct conf_peer *,
		    const struct conf_peer *);
#define UNUSED_STATIC	static __attribute__((__unused__))
RB_PROTOTYPE_INTERNAL(conf_keys, conf_peer, key_entry, cmp_peer_key,
    UNUSED_STATIC);

/* One with nothing in it; exits if there is no memory. */
struct config *
config_new(void)
{
	struct config	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		fatal(NULL);
	TAILQ_INIT(&c->listens);
	TAILQ_INIT(&c->addresses);
	TAILQ_INIT(&c->peers);
	TAILQ_INIT(&c->removed);
	RB_INIT(&c->bykey);
	TAILQ_INIT(&c->rules);
	TAILQ_INIT(&c->outs);
	TAILQ_INIT(&c->tables);
	TAILQ_INIT(&c->services);
	TAILQ_INIT(&c->web.users);
	TAILQ_INIT(&c->web.from);
	TAILQ_INIT(&c->upstreams);
	TAILQ_INIT(&c->derps);
	TAILQ_INIT(&c->blocks);
	TAILQ_INIT(&c->zones);
	TAILQ_INIT(&c->excludes);
	TAILQ_INIT(&c->nat64s);
	return (c);
}

static void
derps_wipe(struct config *c)
{
	struct conf_derp	*d;

	TAILQ_FOREACH(d, &c->derps, entry) {
		explicit_bzero(d->r.key, sizeof(d->r.key));
		explicit_bzero(d->r.proxy_auth, sizeof(d->r.proxy_auth));
	}
}

static void
conf_out_wipe(struct conf_out *o)
{
	if (o != NULL)
		explicit_bzero(&o->user, sizeof(o->user));
}

/* Overwrite the secrets; the rest stays. */
void
config_wipe(struct config *c)
{
	struct conf_service	*s;
	struct conf_peer	*p;
	struct conf_user	*u;
	struct conf_out		*o;

	explicit_bzero(c->key, sizeof(c->key));
	derps_wipe(c);
	TAILQ_FOREACH(p, &c->peers, entry) {
		explicit_bzero(p->psk, sizeof(p->psk));
		explicit_bzero(p->own_key, sizeof(p->own_key));
		conf_out_wipe(p->egress);
	}
	conf_out_wipe(c->egress);
	TAILQ_FOREACH(o, &c->outs, entry)
		conf_out_wipe(o);
	TAILQ_FOREACH(s, &c->services, entry)
		TAILQ_FOREACH(u, &s->users, entry)
			explicit_bzero(u->user.password,
			    sizeof(u->user.password));
}

void
config_free_prefixes(struct conf_prefixes *list)
{
	struct conf_prefix	*p;

	while ((p = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, p, entry);
		free(p);
	}
}

void
conf_out_free(struct conf_out *o)
{
	if (o == NULL)
		return;
	free(o->user_file);
	free(o->file);
	freezero(o, sizeof(*o));
}

static void
peer_free(struct conf_peer *p)
{
	config_free_prefixes(&p->aips);
	config_free_prefixes(&p->addresses);
	conf_out_free(p->egress);
	free(p->own_file);
	free(p->psk_file);
	free(p->file);
	free(p->ep_host);
	freezero(p, sizeof(*p));
}

static void
service_free(struct conf_service *s)
{
	struct conf_user	*u;

	while ((u = TAILQ_FIRST(&s->users)) != NULL) {
		TAILQ_REMOVE(&s->users, u, entry);
		freezero(u, sizeof(*u));
	}
	config_free_prefixes(&s->allow);
	free(s->users_file);
	free(s->path);
	free(s->file);
	free(s);
}

static void
rules_free(struct config *c)
{
	struct conf_web_user	*w;
	struct conf_rule	*r;
	struct conf_table	*t;
	struct conf_service	*s;

	while ((r = TAILQ_FIRST(&c->rules)) != NULL) {
		TAILQ_REMOVE(&c->rules, r, entry);
		free(r->file);
		free(r);
	}
	while ((t = TAILQ_FIRST(&c->tables)) != NULL) {
		TAILQ_REMOVE(&c->tables, t, entry);
		config_free_prefixes(&t->prefixes);
		config_free_prefixes(&t->loaded);
		free(t->path);
		free(t);
	}
	while ((s = TAILQ_FIRST(&c->services)) != NULL) {
		TAILQ_REMOVE(&c->services, s, entry);
		service_free(s);
	}
	while ((w = TAILQ_FIRST(&c->web.users)) != NULL) {
		TAILQ_REMOVE(&c->web.users, w, entry);
		free(w);
	}
	config_free_prefixes(&c->web.from);
}

static void
dns_free(struct config *c)
{
	struct conf_upstream	*u;
	struct conf_block	*b;
	struct conf_zone	*z;

	while ((u = TAILQ_FIRST(&c->upstreams)) != NULL) {
		TAILQ_REMOVE(&c->upstreams, u, entry);
		free(u);
	}
	while ((b = TAILQ_FIRST(&c->blocks)) != NULL) {
		TAILQ_REMOVE(&c->blocks, b, entry);
		if (b->fd != -1)
			close(b->fd);
		free(b->what);
		free(b);
	}
	while ((z = TAILQ_FIRST(&c->zones)) != NULL) {
		TAILQ_REMOVE(&c->zones, z, entry);
		free(z);
	}
}

static void
derp_free(struct conf_derp *d)
{
	if (d->ca_fd != -1)
		close(d->ca_fd);
	free(d->key_file);
	free(d->ca_file);
	freezero(d, sizeof(*d));
}

static void
derps_free(struct config *c)
{
	struct conf_derp	*d;

	while ((d = TAILQ_FIRST(&c->derps)) != NULL) {
		TAILQ_REMOVE(&c->derps, d, entry);
		derp_free(d);
	}
	if (c->dot != NULL)
		derp_free(c->dot);
}

void
config_free(struct config *c)
{
	struct conf_listen	*l;
	struct conf_peer	*p;
	struct conf_out		*o;

	if (c == NULL)
		return;
	while ((l = TAILQ_FIRST(&c->listens)) != NULL) {
		TAILQ_REMOVE(&c->listens, l, entry);
		free(l);
	}
	while ((p = TAILQ_FIRST(&c->peers)) != NULL) {
		TAILQ_REMOVE(&c->peers, p, entry);
		peer_free(p);
	}
	while ((p = TAILQ_FIRST(&c->removed)) != NULL) {
		TAILQ_REMOVE(&c->removed, p, entry);
		peer_free(p);
	}
	conf_out_free(c->egress);
	while ((o = TAILQ_FIRST(&c->outs)) != NULL) {
		TAILQ_REMOVE(&c->outs, o, entry);
		conf_out_free(o);
	}
	rules_free(c);
	dns_free(c);
	derps_free(c);
	config_free_prefixes(&c->addresses);
	config_free_prefixes(&c->excludes);
	config_free_prefixes(&c->nat64s);
	free(c->key_file);
	free(c->public_host);
	free(c->peers_dir);
	free(c->pcap_file);
	freezero(c, sizeof(*c));
}

/*
 * Take a peer out of a configuration that was checked.  One of the file is
 * remembered: rules mean it by its id.
 */
void
config_peer_remove(struct config *c, struct conf_peer *p)
{
	TAILQ_REMOVE(&c->peers, p, entry);
	RB_REMOVE(conf_keys, &c->bykey, p);
	c->npeers--;
	if (p->uapi)
		peer_free(p);
	else
		TAILQ_INSERT_TAIL(&c->removed, p, entry);
}

struct conf_peer *
config_peer_new(struct config *c, const char *name)
{
	struct conf_peer	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal(NULL);
	strlcpy(p->name, name, sizeof(p->name));
	TAILQ_INIT(&p->aips);
	TAILQ_INIT(&p->addresses);
	p->id = c->npeers++;
	p->worker = NOT_PLACED;
	TAILQ_INSERT_TAIL(&c->peers, p, entry);
	return (p);
}

void
config_add_prefix(struct conf_prefixes *list, const struct ipprefix *prefix)
{
	struct conf_prefix	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal(NULL);
	p->prefix = *prefix;
	TAILQ_INSERT_TAIL(list, p, entry);
}

/* addr NULL: every address of the host; port in host order. */
void
config_add_listen(struct config *c, const struct ipaddr *addr,
    uint16_t port)
{
	struct conf_listen	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal(NULL);
	if (addr != NULL)
		l->addr = *addr;
	l->port = port;
	TAILQ_INSERT_TAIL(&c->listens, l, entry);
}

static int
cmp_peer_key(const struct conf_peer *a, const struct conf_peer *b)
{
	return (memcmp(a->public, b->public, KEY_LEN));
}

RB_GENERATE_INTERNAL(conf_keys, conf_peer, key_entry, cmp_peer_key,
    UNUSED_STATIC)

/* The peer with this key in a configuration that was checked, or NULL. */
struct conf_peer *
config_peer_by_key(struct config *c, const uint8_t public[KEY_LEN])
{
	struct conf_peer	 key;

	memcpy(key.public, public, KEY_LEN);
	return (RB_FIND(conf_keys, &c->bykey, &key));
}

/* Enter a peer whose key is known; -1 if another one has the key. */
int
config_peer_index(struct config *c, struct conf_peer *p)
{
	return (RB_INSERT(conf_keys, &c->bykey, p) == NULL ? 0 : -1);
}

struct conf_peer *
config_find_removed(struct config *c, const uint8_t public[KEY_LEN])
{
	struct conf_peer	*p;

	TAILQ_FOREACH(p, &c->removed, entry)
		if (memcmp(p->public, public, KEY_LEN) == 0)
			break;
	return (p);
}

/* Put back a peer that was taken out; NULL if there was none. */
struct conf_peer *
config_peer_restore(struct config *c, const uint8_t public[KEY_LEN])
{
	struct conf_peer	*p;

	if ((p = config_find_removed(c, public)) == NULL)
		return (NULL);
	TAILQ_REMOVE(&c->removed, p, entry);
	TAILQ_INSERT_TAIL(&c->peers, p, entry);
	(void)config_peer_index(c, p);
	c->npeers++;
	p->gone = 0;
	return (p);
}

/* Allowed IPs of all peers. */
uint32_t
config_count_aips(const struct config *c)
{
	const struct conf_prefix	*x;
	const struct conf_peer		*p;
	uint32_t			 n = 0;

	TAILQ_FOREACH(p, &c->peers, entry)
		TAILQ_FOREACH(x, &p->aips, entry)
			n++;
	return (n);
}

/* A table without a content yet; NULL if there is one of that name. */
struct conf_table *
config_table_new(struct config *c, const char *name)
{
	struct conf_table	*t;
	int			 n = 0;

	TAILQ_FOREACH(t, &c->tables, entry) {
		if (strcmp(t->name, name) == 0)
			return (NULL);
		n++;
	}
	if (n >= MAX_TABLES)
		return (NULL);
	if ((t = calloc(1, sizeof(*t))) == NULL)
		fatal(NULL);
	strlcpy(t->name, name, sizeof(t->name));
	TAILQ_INIT(&t->prefixes);
	TAILQ_INIT(&t->loaded);
	TAILQ_INSERT_TAIL(&c->tables, t, entry);
	return (t);
}

/* A service that listens nowhere yet; NULL if there are too many. */
struct conf_service *
config_service_new(struct config *c, enum service_kind kind, uint8_t proto)
{
	struct conf_service	*s;
	int			 n = 0;

	TAILQ_FOREACH(s, &c->services, entry)
		n++;
	if (n >= MAX_SERVICES)
		return (NULL);
	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal(NULL);
	s->s.kind = (uint8_t)kind;
	s->s.proto = proto;
	TAILQ_INIT(&s->allow);
	TAILQ_INIT(&s->users);
	TAILQ_INSERT_TAIL(&c->services, s, entry);
	return (s);
}
