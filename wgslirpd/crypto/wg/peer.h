/* SPDX-License-Identifier: ISC */

#ifndef WG_PEER_H
#define WG_PEER_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>
#include <time.h>

#include "counters.h"
#include "mono.h"
#include "siphash.h"
#include "allowedips.h"
#include "cookie.h"
#include "identity.h"
#include "index.h"
#include "noise.h"
#include "ops.h"
#include "place.h"
#include "replay.h"
#include "timers.h"
#include "wheel.h"

#define WG_PEER_NAME_LEN	64
#define WG_STAGED_PER_PEER	128
#define WG_STAGED_TOTAL		8192
#define WG_HANDSHAKE_QUEUE	16384
#define WG_UNDER_LOAD		512	/* waiting, of which some fail */

struct wg_peer;
struct wg_keypair;

/* An entry of the table of receiver indices. */
struct wg_index {
	LIST_ENTRY(wg_index)	 entry;
	uint32_t		 index;
	struct wg_peer		*peer;
	struct wg_keypair	*keypair;	/* NULL: a handshake's */
};
LIST_HEAD(wg_index_bucket, wg_index);
LIST_HEAD(wg_name_bucket, wg_peer);

struct wg_keypair {
	struct wg_index		 index;
	struct aead_key		*send;
	struct aead_key		*recv;
	mono_t			 birth;
	uint64_t		 counter;	/* next to send with */
	uint32_t		 remote_index;
	uint8_t			 initiator;
	uint8_t			 rekeyed;	/* last-minute rekey asked */
	struct replay		 replay;
};

/* A packet that waits for a session. */
struct wg_staged {
	TAILQ_ENTRY(wg_staged)	 entry;
	uint16_t		 len;
	uint8_t			 ecn;
	uint8_t			 data[];
};
TAILQ_HEAD(wg_staged_queue, wg_staged);

#define WG_RESERVED_BUCKETS	256

struct wg_peer {
	TAILQ_ENTRY(wg_peer)	 entry;
	LIST_ENTRY(wg_peer)	 hash;
	LIST_ENTRY(wg_peer)	 name_entry;	/* if there is a key */
	uint32_t		 index_name;	/* in its receiver indices */
	LIST_ENTRY(wg_peer)	 reserved_entry;
	uint32_t		 id;
	char			 name[WG_PEER_NAME_LEN];
	uint8_t			 mark;		/* reload: still wanted */
	uint8_t			 by_name;	/* its endpoint is resolved */
	uint8_t			 reserved[3];	/* bytes 1 to 3 of messages */
	uint8_t			 indexed;	/* hs_index is in the table */
	uint8_t			 over;		/* its quota is used up */
	uint8_t			 cut;		/* it is shut out */
	uint8_t			 uplink;	/* guests come out there */
	uint8_t			 worker;	/* who has its sessions */
	uint8_t			 away, gateway;	/* it is at that other one, */
	uint64_t		 elsewhere;	/* since then, Unix ns, */
	uint64_t		 here;		/* or here: what is greater holds */
	uint64_t		 quota;		/* bytes both ways, 0: none */
	int64_t			 expires;	/* Unix seconds, 0: never */

	struct wg_identity	*own;		/* NULL: the device's key */
	LIST_ENTRY(wg_peer)	 own_entry;
	struct noise_remote	 noise;
	struct cookie_maker	 cookie;
	struct wg_timers	 timers;
	struct wheel_timer	 timer;
	struct wg_index		 hs_index;
	struct wg_keypair	*current;
	struct wg_keypair	*previous;
	struct wg_keypair	*next;
	struct wg_endpoint	 ep;
	struct wg_endpoint	 configured;
	struct wg_endpoint	 relayed;	/* at a relay, if it is */
	struct aip_list		 aips;
	struct aip_trie		 routes;	/* of an uplink, instead of all */
	struct ipaddr		 ours[2];	/* there: IPv4, IPv6; or af 0 */
	struct wg_staged_queue	 staged;
	unsigned int		 nstaged;
	mono_t			 last_initiation;	/* consumed */
	mono_t			 heard;		/* data, authentic */
	mono_t			 came;		/* from another worker */
	mono_t			 back_at;	/* when that was told */

	uint64_t		 rx_bytes;
	uint64_t		 tx_bytes;
	struct timespec		 last_handshake;	/* wall clock */
	struct timespec		 stamp;	/* of the last initiation made */
};
TAILQ_HEAD(wg_peers, wg_peer);
LIST_HEAD(wg_peer_bucket, wg_peer);

/* A handshake message that waits for its turn. */
struct wg_pending {
	uint8_t			 reserved[3];	/* that it came with */
	uint8_t			 handed;	/* by another worker */
	uint8_t			 has_own;	/* it is for a peer's own key, */
	uint32_t		 own;		/* that of the peer with this id */
	struct wg_endpoint	 from;
	uint16_t		 len;
	uint8_t			 msg[WG_INITIATION_LEN];
};

struct wg_device {
	const struct wg_ops	*ops;
	void			*arg;
	struct noise_local	 local;
	struct cookie_checker	 checker;
	struct ratelimit	 limit;
	struct aip_trie		 aips;
	struct aip_trie		 excludes;	/* never peer to peer */
	struct aip_list		 excluded;
	struct wg_peers		 peers;
	struct wg_peer		**byid;
	uint32_t		 nbyid;
	struct wg_peer_bucket	*bykey;
	struct wg_index_bucket	*byindex;
	struct wg_name_bucket	*byname;
	struct index_names	 names;
	uint8_t			 many;		/* one of several gateways */
	uint8_t			 worker;	/* this one, of so many: */
	uint8_t			 workers;	/* 0 is 1 */
	uint8_t			 handed;	/* by another one, right now */
	uint8_t			 steered;	/* the kernel knows who is where */
	mono_t			 fresh;		/* begun without sessions */
	mono_t			 heal_stamp;	/* bucket of what follows */
	uint32_t		 heal_tokens;
	uint32_t		 nbuckets;	/* of each, power of two */
	uint32_t		 npeers;
	struct wg_peer_bucket	 reserved[WG_RESERVED_BUCKETS];
	uint32_t		 nreserved;	/* peers with such bytes */
	struct wg_peer_bucket	 owned;		/* peers with a key of our own */
	struct siphash_key	 hashkey;
	struct wheel		 wheel;
	uint32_t		 nstaged;
	const struct ipprefix	*balancers;	/* that hide their clients */
	int			 nbalancers;
	uint16_t		 mtu;
	uint8_t			 has_key;
	uint8_t			 overlay;	/* peer to peer here */
	uint8_t			 raw;		/* what is inside is no IP */
	uint8_t			 paused;
	uint8_t			 over;		/* some peer is */
	uint8_t			 scratch[2048];
	uint32_t		 jitter[16];	/* drawn at once */
	uint32_t		 njitter;		/* that are left */
	struct wg_pending	*pending;
	uint32_t		 phead, ptail;
	mono_t			 loaded_until, failed_at;
	uint64_t		 failed;	/* handshakes, until then */
	struct crypto_counters	 count;
};

/* Has the peer used up what it may?  Its session ends after this round. */
static inline void
wg_note_quota(struct wg_device *d, struct wg_peer *p)
{
	if (p->quota != 0 && p->rx_bytes + p->tx_bytes >= p->quota)
		p->over = d->over = 1;
}

/* Are the peer's sessions here, and not with another worker? */
static inline int
wg_is_here(const struct wg_device *d, const struct wg_peer *p)
{
	return (p->worker == d->worker);
}

/* This side's identity toward a peer. */
static inline const struct noise_local *
wg_local(const struct wg_device *d, const struct wg_peer *p)
{
	return (p->own != NULL ? &p->own->local : &d->local);
}

/* Where a peer's allowed IPs are looked up: an uplink has them alone. */
static inline struct aip_trie *
wg_trie(struct wg_device *d, struct wg_peer *p)
{
	return (p->uplink ? &p->routes : &d->aips);
}

int		 wg_table_grow(struct wg_device *);
struct wg_peer	*wg_peer_add(struct wg_device *, uint32_t,
		    const uint8_t [KEY_LEN], const uint8_t *);
int		 wg_peer_uplink(struct wg_device *, struct wg_peer *, int,
		    const uint8_t *);
void		 wg_peer_rekey(struct wg_device *, struct wg_peer *);
void		 wg_aips_clear(struct wg_device *, struct wg_peer *);
void		 wg_handshake_forget(struct wg_peer *);
void		 wg_peer_zero(struct wg_device *, struct wg_peer *);
void		 wg_peer_remove(struct wg_device *, struct wg_peer *);
void		 wg_peer_live(struct wg_device *, struct wg_peer *, uint8_t,
		    mono_t);
void		 wg_set_worker(struct wg_device *, uint8_t, uint8_t);
struct wg_peer	*wg_peer_by_key(struct wg_device *, const uint8_t [KEY_LEN]);
struct wg_peer	*wg_peer_by_id(struct wg_device *, uint32_t);
void		 wg_peer_set_endpoint(struct wg_peer *,
		    const struct sockaddr *);
void		 wg_peer_set_reserved(struct wg_device *, struct wg_peer *,
		    const uint8_t [3]);
void		 wg_peer_schedule(struct wg_device *, struct wg_peer *);
struct wg_peer	*wg_peer_named(struct wg_device *, uint32_t,
		    struct wg_peer *);
void		 wg_names_set(struct wg_device *);
struct wg_index	*wg_index_find(struct wg_device *, uint32_t);
void		 wg_index_new(struct wg_device *, struct wg_index *,
		    struct wg_peer *, struct wg_keypair *);
void		 wg_index_drop(struct wg_index *);
int		 wg_session_derive(struct wg_device *, struct wg_peer *,
		    mono_t);
int		 wg_session_confirm(struct wg_peer *, struct wg_keypair *);
void		 wg_stage(struct wg_device *, struct wg_peer *,
		    const uint8_t *, size_t, const uint8_t *, size_t, int);
struct wg_staged	*wg_unstage(struct wg_device *, struct wg_peer *);
void		 wg_stage_purge(struct wg_device *, struct wg_peer *);
void		 wg_forget_pending(struct wg_device *);
int		 wg_reserved_known(const struct wg_device *,
		    const uint8_t [3]);
int		 wg_reserved_ok(const struct wg_peer *, const uint8_t [3]);

#endif
