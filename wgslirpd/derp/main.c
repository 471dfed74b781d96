/* SPDX-License-Identifier: ISC */

/*
 * The derp engine: carries WireGuard's datagrams through DERP relays, for
 * those who only have TCP.  It has the TLS connections and the keys that
 * relays know, which are not those of WireGuard, and sees ciphertext alone.
 * Because it is the one that speaks TLS it also asks for names by that, what
 * the slirp engine gives it.  It is started only where a relay, or such an
 * upstream, is configured.
 */

#include <sys/types.h>

#include <openssl/ssl.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "dot.h"
#include "local.h"
#include "log.h"
#include "relays.h"
#include "state.h"
#include "tell.h"

/* A datagram from a key that may come: a client of ours, or WireGuard's. */
static void
from_relay(const uint8_t key[KEY_LEN], unsigned int via, const uint8_t *data,
    size_t len)
{
	if (!local_input(key, data, len))
		crypto_put(key, via, data, len);
}

static void
batch_over(void)
{
	local_flush();
	crypto_flush();
}

static void
show_relays(struct imsgev *iev, uint32_t id)
{
	struct ctl_entry	 e;
	uint64_t		 i;

	for (i = 0; relays_show(i, &e) == 0; i++)
		imsgev_send(iev, CTL_ENTRY, id, -1, &e, sizeof(e));
	imsgev_send(iev, CTL_END, id, -1, NULL, 0);
}

static void
control_msg(struct imsgev *iev, struct imsg *imsg)
{
	struct ctl_request	 req;
	uint32_t		 id, on;

	if (imsg == NULL) {
		tell_to(NULL);
		imsgev_clear(iev);
		return;
	}
	id = imsg_get_id(imsg);
	if (imsg_get_type(imsg) == IMSG_WATCH) {
		imsg_is(imsg, &on, sizeof(on));
		tell_to(on ? iev : NULL);
		return;
	}
	imsg_is(imsg, &req, sizeof(req));
	switch (imsg_get_type(imsg)) {
	case CTL_SHOW_DERP:
		show_relays(iev, id);
		break;
	case CTL_SHOW_COUNTERS:
		de.count.derp_cpu_us = mono_cpu_us();
		imsgev_send(iev, CTL_DERP_COUNTERS, id, -1, &de.count,
		    sizeof(de.count));
		imsgev_send(iev, CTL_END, id, -1, NULL, 0);
		break;
	default:
		bad_imsg("control", imsg_get_type(imsg));
	}
}

static void
slirp_msg(struct imsgev *iev, struct imsg *imsg)
{
	if (imsg == NULL) {
		imsgev_clear(iev);
		return;
	}
	switch (imsg_get_type(imsg)) {
	case IMSG_RELAY_ADDRS:
		if (slot_worker(iev->slot) != 0)
			bad_imsg("slirp", IMSG_RELAY_ADDRS);
		relays_input(imsg);
		break;
	case IMSG_DOT_ASK:
		dot_ask(iev, imsg);
		break;
	default:
		bad_imsg("slirp", imsg_get_type(imsg));
	}
}

static const struct sibling	 siblings[] = {
	{ PROC_CONTROL, 0, &de.control, control_msg, PROC_BACKLOG },
	{ PROC_SLIRP, 1, de.slirp, slirp_msg, PROC_BACKLOG }
};

static void
commit(void)
{
	local_admit();
	relays_commit();
	dot_commit();
	local_commit();
	imsgev_must(&de.parent, IMSG_COMMITTED, 0, -1, NULL, 0);
}

static void
parent_msg(struct imsgev *iev, struct imsg *imsg)
{
	static struct conf_global	 unused;

	if (imsg == NULL)
		exit(0);	/* the parent is gone */
	switch (imsg_get_type(imsg)) {
	case IMSG_PIPE:
		child_pipe(imsg, siblings, sizeof(siblings) /
		    sizeof(siblings[0]));
		break;
	case IMSG_LINK:
		crypto_link(imsg_take_fd(imsg));
		break;
	case IMSG_CONF_BEGIN:
		imsg_is(imsg, &unused, sizeof(unused));
		break;
	case IMSG_CONF_RELAY:
	case IMSG_CONF_RELAY_CA:
	case IMSG_CONF_RELAY_PEER:
		relays_stage(imsg);
		break;
	case IMSG_CONF_DOT:
	case IMSG_CONF_DOT_CA:
		dot_stage(imsg);
		break;
	case IMSG_CONF_SERVICE:
	case IMSG_CONF_ALLOW:
		local_stage(imsg);
		break;
	case IMSG_CONF_COMMIT:
		commit();
		break;
	case IMSG_START:
		de.started = 1;
		break;
	default:
		child_common(iev, imsg);
	}
}

void
derp_main(int foreground)
{
	child_init(PROC_DERP, foreground, &de.parent, parent_msg);
	/* all that these libraries want to have of the system */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG |
	    OPENSSL_INIT_LOAD_SSL_STRINGS, NULL) != 1 || sodium_init() == -1)
		fatalx("libssl or libsodium does not work here");
	sandbox_lock_memory();
	child_drop(foreground);
	relays_init(from_relay, batch_over);
	child_ready(&de.parent, SANDBOX_DERP);
	event_base_dispatch(evbase);
	fatalx("event loop ended");
}
