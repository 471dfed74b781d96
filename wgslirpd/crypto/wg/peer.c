/* SPDX-License-Identifier: ISC */

/*
 * Peers, their sessions (keypairs) and the table of receiver indices.
 *
 * A peer has up to three keypairs (paper, 6.5 and 7.3): current, which is
 * sent with; previous, for packets still under way; next, which the
 * responder has derived but not yet seen used.  Indices name their peer for
 * who has the private key (index.h), and belong either to a handshake that
 * this side initiated or to a keypair; peers and indices sit in tables, which
 * grow with the peers.
 */

#include <sys/types.h>
#include <sys/queue.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

#define MIN_BUCKETS	64
#define INDEX_TRIES	64	/* all that there are of a name */

static uint32_t
key_bucket(const struct wg_device *d, const uint8_t public[KEY_LEN])
{
	return ((uint32_t)siphash24(&d->hashkey, public, KEY_LEN) &
	    (d->nbuckets - 1));
}

/* The lowest byte is the gateway's, and the same in all of them. */
static uint32_t
index_bucket(const struct wg_device *d, uint32_t index)
{
	return (index >> 8 & (d->nbuckets - 1));
}

static void
name_enter(struct wg_device *d, struct wg_peer *p)
{
	p->index_name = index_peer(&d->names, p->noise.public);
	LIST_INSERT_HEAD(&d->byname[p->index_name & (d->nbuckets - 1)], p,
	    name_entry);
}

/* Double the tables; indices and keys are hashed anew. */
int
wg_table_grow(struct wg_device *d)
{
	struct wg_peer_bucket	*bykey;
	struct wg_index_bucket	*byindex, *old = d->byindex;
	struct wg_name_bucket	*byname;
	struct wg_index		*x;
	struct wg_peer		*p;
	uint32_t		 i, n, on = d->nbuckets;

	n = on == 0 ? MIN_BUCKETS : on * 2;
	bykey = calloc(n, sizeof(*bykey));
	byindex = calloc(n, sizeof(*byindex));
	byname = calloc(n, sizeof(*byname));
	if (bykey == NULL || byindex == NULL || byname == NULL) {
		free(bykey);
		free(byindex);
		free(byname);
		return (-1);
	}
	free(d->bykey);
	free(d->byname);
	d->bykey = bykey;
	d->byname = byname;
	d->byindex = byindex;
	d->nbuckets = n;
	for (i = 0; i < on; i++) {
		while ((x = LIST_FIRST(&old[i])) != NULL) {
			LIST_REMOVE(x, entry);
			LIST_INSERT_HEAD(&byindex[x->index >> 8 & (n - 1)], x,
			    entry);
		}
	}
	free(old);
	if (on == 0)
		return (0);
	TAILQ_FOREACH(p, &d->peers, entry) {
		LIST_INSERT_HEAD(&bykey[key_bucket(d, p->noise.public)], p,
		    hash);
		name_enter(d, p);
	}
	return (0);
}

/* The private key is another: so is what indices call the peers. */
void
wg_names_set(struct wg_device *d)
{
	struct wg_peer	*p;
	uint32_t	 i;

	for (i = 0; i < d->nbuckets; i++)
		LIST_INIT(&d->byname[i]);
	TAILQ_FOREACH(p, &d->peers, entry)
		name_enter(d, p);
}

/* The first peer of that name, or the next one after p; NULL: no more. */
struct wg_peer *
wg_peer_named(struct wg_device *d, uint32_t name, struct wg_peer *p)
{
	p = p == NULL ? LIST_FIRST(&d->byname[name & (d->nbuckets - 1)]) :
	    LIST_NEXT(p, name_entry);
	while (p != NULL && p->index_name != name)
		p = LIST_NEXT(p, name_entry);
	return (p);
}

/*
 * Add a peer under an id that is free; psk may be NULL.  NULL if there is
 * no memory.
 */
struct wg_peer *
wg_peer_add(struct wg_device *d, uint32_t id,
    const uint8_t public[KEY_LEN], const uint8_t *psk)
{
	struct wg_peer	*p, **byid;
	uint32_t	 n;

	if (d->npeers >= d->nbuckets && wg_table_grow(d) == -1)
		return (NULL);
	if (id >= d->nbyid) {
		for (n = d->nbyid == 0 ? 64 : d->nbyid; n <= id; n *= 2)
			continue;
		byid = recallocarray(d->byid, d->nbyid, n, sizeof(*byid));
		if (byid == NULL)
			return (NULL);
		d->byid = byid;
		d->nbyid = n;
	}
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (NULL);
	p->id = id;
	if (noise_remote_init(&d->local, &p->noise, public, psk) == -1 ||
	    cookie_maker_init(&p->cookie, public) == -1) {
		freezero(p, sizeof(*p));
		return (NULL);
	}
	TAILQ_INIT(&p->aips);
	aip_init(&p->routes);
	TAILQ_INIT(&p->staged);
	TAILQ_INSERT_TAIL(&d->peers, p, entry);
	LIST_INSERT_HEAD(&d->bykey[key_bucket(d, public)], p, hash);
	name_enter(d, p);
	d->byid[id] = p;
	d->npeers++;
	return (p);
}

static void
keypair_free(struct wg_keypair **kp)
{
	if (*kp == NULL)
		return;
	wg_index_drop(&(*kp)->index);
	aead_key_free((*kp)->send);
	aead_key_free((*kp)->recv);
	freezero(*kp, sizeof(**kp));
	*kp = NULL;
}

/* Forget the handshake in progress and its index. */
void
wg_handshake_forget(struct wg_peer *p)
{
	if (p->indexed) {
		wg_index_drop(&p->hs_index);
		p->indexed = 0;
	}
	noise_handshake_clear(&p->noise);
}

/* Drop every session and handshake; the peer stays. */
void
wg_peer_zero(struct wg_device *d, struct wg_peer *p)
{
	wg_handshake_forget(p);
	keypair_free(&p->current);
	keypair_free(&p->previous);
	keypair_free(&p->next);
	wg_peer_schedule(d, p);
}

/* The peer has no allowed IPs any more. */
void
wg_aips_clear(struct wg_device *d, struct wg_peer *p)
{
	aip_remove_owner(wg_trie(d, p), &p->aips);
	/* who has seen one of them must not look again */
	d->aips.changes++;
}

static void
disown(struct wg_peer *p)
{
	if (p->own == NULL)
		return;
	LIST_REMOVE(p, own_entry);
	wg_identity_free(p->own);
	p->own = NULL;
}

/* This side's key toward the peer is another: no session is left. */
void
wg_peer_rekey(struct wg_device *d, struct wg_peer *p)
{
	timers_stop(&p->timers);
	wg_peer_zero(d, p);
	noise_remote_rekey(wg_local(d, p), &p->noise);
}

/*
 * Whether guests come out at the peer, as clients of it: then it has allowed
 * IPs of its own, which say nothing about other peers, and peers do not reach
 * each other through it.  private is this side's key toward it, which is
 * copied; NULL: the device's.  -1 if the key is not usable.
 */
int
wg_peer_uplink(struct wg_device *d, struct wg_peer *p, int uplink,
    const uint8_t *private)
{
	struct wg_identity	*own = NULL;

	if (p->uplink != (uplink != 0)) {
		wg_aips_clear(d, p);
		p->uplink = uplink != 0;
	}
	if (private == NULL ? p->own == NULL :
	    p->own != NULL && wg_identity_is(p->own, private))
		return (0);
	if (private != NULL && (own = wg_identity_new(private)) == NULL)
		return (-1);
	disown(p);
	if ((p->own = own) != NULL)
		LIST_INSERT_HEAD(&d->owned, p, own_entry);
	wg_peer_rekey(d, p);
	return (0);
}

void
wg_peer_remove(struct wg_device *d, struct wg_peer *p)
{
	static const uint8_t	 none[3];

	wg_peer_set_reserved(d, p, none);
	wg_peer_zero(d, p);
	wg_stage_purge(d, p);
	wheel_del(&d->wheel, &p->timer);
	wg_aips_clear(d, p);
	disown(p);
	TAILQ_REMOVE(&d->peers, p, entry);
	LIST_REMOVE(p, hash);
	LIST_REMOVE(p, name_entry);
	d->byid[p->id] = NULL;
	d->npeers--;
	freezero(p, sizeof(*p));
}

/*
 * The peer lives with this worker from now on.  Whoever it lived with before
 * forgets its sessions and where it was.
 */
void
wg_peer_live(struct wg_device *d, struct wg_peer *p, uint8_t worker,
    mono_t now)
{
	if (p->worker == worker)
		return;
	p->worker = worker;
	p->came = now;
	timers_stop(&p->timers);
	timers_set_keepalive(&p->timers, 0, 0);
	wg_peer_zero(d, p);
	wg_stage_purge(d, p);
	memset(&p->ep, 0, sizeof(p->ep));
	memset(&p->configured, 0, sizeof(p->configured));
	memset(&p->relayed, 0, sizeof(p->relayed));
	p->ep.sock = p->configured.sock = p->relayed.sock = WG_ANY_SOCK;
	memset(&p->last_handshake, 0, sizeof(p->last_handshake));
	p->by_name = 0;
	p->heard = 0;
	p->quota = 0;
	p->expires = 0;
	p->over = p->cut = 0;
}

/* This device is one worker's, of so many. */
void
wg_set_worker(struct wg_device *d, uint8_t worker, uint8_t workers)
{
	d->worker = d->names.worker = worker;
	d->workers = d->names.workers = workers;
}

struct wg_peer *
wg_peer_by_key(struct wg_device *d, const uint8_t public[KEY_LEN])
{
	struct wg_peer	*p;

	LIST_FOREACH(p, &d->bykey[key_bucket(d, public)], hash)
		if (memcmp(p->noise.public, public, KEY_LEN) == 0)
			return (p);
	return (NULL);
}

struct wg_peer *
wg_peer_by_id(struct wg_device *d, uint32_t id)
{
	return (id < d->nbyid ? d->byid[id] : NULL);
}

/* Set where the peer is; the system chooses our address again. */
void
wg_peer_set_endpoint(struct wg_peer *p, const struct sockaddr *sa)
{
	memset(&p->ep, 0, sizeof(p->ep));
	p->ep.sock = WG_ANY_SOCK;
	if (sa->sa_family == AF_INET)
		memcpy(&p->ep.remote.sin, sa, sizeof(p->ep.remote.sin));
	else if (sa->sa_family == AF_INET6)
		memcpy(&p->ep.remote.sin6, sa, sizeof(p->ep.remote.sin6));
	else if (sa->sa_family == AF_RELAY)
		memcpy(&p->ep.remote.relay, sa, sizeof(p->ep.remote.relay));
}

static int
has_reserved(const struct wg_peer *p)
{
	return ((p->reserved[0] | p->reserved[1] | p->reserved[2]) != 0);
}

static unsigned int
reserved_bucket(const uint8_t bytes[3])
{
	return ((bytes[0] * 31U + bytes[1] * 7U + bytes[2]) %
	    WG_RESERVED_BUCKETS);
}

/* Set the reserved bytes of the peer's messages; zeros for none. */
void
wg_peer_set_reserved(struct wg_device *d, struct wg_peer *p,
    const uint8_t reserved[3])
{
	if (has_reserved(p)) {
		LIST_REMOVE(p, reserved_entry);
		d->nreserved--;
	}
	memcpy(p->reserved, reserved, sizeof(p->reserved));
	if (has_reserved(p)) {
		LIST_INSERT_HEAD(&d->reserved[reserved_bucket(reserved)], p,
		    reserved_entry);
		d->nreserved++;
	}
}

/* Have wg_expire() called when the peer's next timer is due. */
void
wg_peer_schedule(struct wg_device *d, struct wg_peer *p)
{
	mono_t	 next = timers_next(&p->timers);

	/* lazy: one that is armed earlier is looked at when it fires */
	if (next == 0)
		return;
	if (p->timer.when == 0 || next < p->timer.when)
		wheel_add(&d->wheel, &p->timer, next);
}

struct wg_index *
wg_index_find(struct wg_device *d, uint32_t index)
{
	struct wg_index	*x;

	LIST_FOREACH(x, &d->byindex[index_bucket(d, index)], entry)
		if (x->index == index)
			return (x);
	return (NULL);
}

/*
 * Enter x under a fresh index of the peer; keypair NULL for a handshake.  Four
 * at most are in use for one peer, out of 64, or of eight where there are eight
 * workers: peers that share a name may have taken all of them, and one under
 * another name is as good, but not known again once the session is lost.
 */
void
wg_index_new(struct wg_device *d, struct wg_index *x, struct wg_peer *p,
    struct wg_keypair *kp)
{
	struct timespec	 ts;
	uint32_t	 random, name = p->index_name;
	int		 tries = 0;

	d->ops->wall(d->arg, &ts);
	d->ops->random(d->arg, &random, sizeof(random));
	do {
		if (++tries > INDEX_TRIES)
			name = (name + 1) & ((1U << INDEX_PEER_BITS) - 1);
		x->index = index_make(&d->names, name, random++,
		    (uint64_t)ts.tv_sec);
	} while (wg_index_find(d, x->index) != NULL);
	x->peer = p;
	x->keypair = kp;
	LIST_INSERT_HEAD(&d->byindex[index_bucket(d, x->index)], x,
	    entry);
}

void
wg_index_drop(struct wg_index *x)
{
	LIST_REMOVE(x, entry);
}

/*
 * Turn a finished handshake into a keypair and put it in its place.  As
 * the responder, p->hs_index is the index that the response names.
 */
int
wg_session_derive(struct wg_device *d, struct wg_peer *p, mono_t now)
{
	struct noise_keys	 k;
	struct wg_keypair	*kp;

	if ((kp = calloc(1, sizeof(*kp))) == NULL)
		return (-1);
	if (noise_derive(&p->noise, &k) == -1 ||
	    (kp->send = aead_key_seal(k.send)) == NULL ||
	    (kp->recv = aead_key_open(k.recv)) == NULL) {
		explicit_bzero(&k, sizeof(k));
		aead_key_free(kp->send);
		freezero(kp, sizeof(*kp));
		return (-1);
	}
	kp->birth = now;
	kp->remote_index = k.remote_index;
	kp->initiator = (uint8_t)k.initiator;
	explicit_bzero(&k, sizeof(k));
	replay_init(&kp->replay);

	/* the index moves from the handshake to the keypair */
	kp->index.index = p->hs_index.index;
	kp->index.peer = p;
	kp->index.keypair = kp;
	wg_index_drop(&p->hs_index);
	p->indexed = 0;
	LIST_INSERT_HEAD(&d->byindex[index_bucket(d, kp->index.index)],
	    &kp->index, entry);

	keypair_free(&p->previous);
	if (kp->initiator) {
		if (p->next != NULL) {
			p->previous = p->next;
			p->next = NULL;
			keypair_free(&p->current);
		} else
			p->previous = p->current;
		p->current = kp;
	} else {
		keypair_free(&p->next);
		p->next = kp;
	}
	return (0);
}

/*
 * A valid packet came on kp.  Returns 1 if that confirmed the responder's
 * next keypair, which is then the current one.
 */
int
wg_session_confirm(struct wg_peer *p, struct wg_keypair *kp)
{
	if (kp != p->next)
		return (0);
	keypair_free(&p->previous);
	p->previous = p->current;
	p->current = p->next;
	p->next = NULL;
	return (1);
}

/* Keep a copy of a packet until there is a session; the oldest goes. */
void
wg_stage(struct wg_device *d, struct wg_peer *p, const uint8_t *pkt,
    size_t len, const uint8_t *head, size_t hlen, int ecn)
{
	struct wg_staged	*s;

	if (p->nstaged >= WG_STAGED_PER_PEER ||
	    (d->nstaged >= WG_STAGED_TOTAL && p->nstaged > 0)) {
		free(wg_unstage(d, p));
		d->count.wg_drop_staged++;
	}
	if (d->nstaged >= WG_STAGED_TOTAL ||
	    (s = malloc(sizeof(*s) + len)) == NULL) {
		d->count.wg_drop_staged++;
		return;
	}
	s->len = (uint16_t)len;
	s->ecn = (uint8_t)ecn;
	memcpy(s->data, pkt, len);
	if (head != NULL)
		memcpy(s->data, head, hlen);
	TAILQ_INSERT_TAIL(&p->staged, s, entry);
	p->nstaged++;
	d->nstaged++;
}

/* The oldest staged packet, which the caller frees; NULL if none. */
struct wg_staged *
wg_unstage(struct wg_device *d, struct wg_peer *p)
{
	struct wg_staged	*s;

	if ((s = TAILQ_FIRST(&p->staged)) == NULL)
		return (NULL);
	TAILQ_REMOVE(&p->staged, s, entry);
	p->nstaged--;
	d->nstaged--;
	return (s);
}

void
wg_stage_purge(struct wg_device *d, struct wg_peer *p)
{
	struct wg_staged	*s;

	while ((s = wg_unstage(d, p)) != NULL)
		free(s);
}

/* Drop queued handshakes: the sockets they came by are not the same. */
void
wg_forget_pending(struct wg_device *d)
{
	d->ptail = d->phead;
}

/* Does any peer have these reserved bytes? */
int
wg_reserved_known(const struct wg_device *d, const uint8_t bytes[3])
{
	const struct wg_peer	*p;

	LIST_FOREACH(p, &d->reserved[reserved_bucket(bytes)], reserved_entry)
		if (memcmp(p->reserved, bytes, sizeof(p->reserved)) == 0)
			return (1);
	return (0);
}

/* May a message that turned out to be this peer's have these bytes? */
int
wg_reserved_ok(const struct wg_peer *p, const uint8_t bytes[3])
{
	return ((bytes[0] | bytes[1] | bytes[2]) == 0 ||
	    memcmp(p->reserved, bytes, sizeof(p->reserved)) == 0);
}
