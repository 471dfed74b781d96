/* SPDX-License-Identifier: ISC */

/*
 * Who may say what to whom.  See the list in msg.h.
 */

#include <sys/types.h>

#include "check.h"
#include "conf.h"
#include "sandbox.h"
#include "set.h"

struct msg_rule {
	uint32_t	 type;
	const char	*name;
	size_t		 len;
	uint64_t	 ways;		/* WAY() of each that is allowed */
	int		 fd;
};

#define IMSG_RULE(type, len, ways, fd)	{ type, #type, len, ways, fd },

/* The processes' own, by type. */
static const struct msg_rule	 imsgs[IMSG_MAX] = {
	{ IMSG_NONE, "IMSG_NONE", 0, 0, 0 },
	IMSGS(IMSG_RULE)
};

/* What they pass on of the control protocol (ctl.h). */
#define REQUEST(type, ways) \
	{ type, #type, sizeof(struct ctl_request), ways, NO_FD }
#define ANSWER(type, len, ways)	{ type, #type, len, ways, NO_FD }
#define BOTH	(WAY(CRYPTO, CONTROL) | WAY(SLIRP, CONTROL) | \
		WAY(DERP, CONTROL))

/* The web and the files engine are clients of the control engine. */
#define CLIENTS	(WAY(WEB, CONTROL) | WAY(FILES, CONTROL))
#define BACK	(WAY(CONTROL, WEB) | WAY(CONTROL, FILES))

static const struct msg_rule	 ctls[] = {
	REQUEST(CTL_SHOW_SUMMARY, WAY(CONTROL, CRYPTO) | CLIENTS),
	REQUEST(CTL_SHOW_PEERS, WAY(CONTROL, CRYPTO) | CLIENTS),
	REQUEST(CTL_PAUSE, WAY(CONTROL, CRYPTO)),
	REQUEST(CTL_RESUME, WAY(CONTROL, CRYPTO) | WAY(CONTROL, SLIRP)),
	REQUEST(CTL_DRAIN, WAY(CONTROL, CRYPTO) | WAY(CONTROL, SLIRP)),
	REQUEST(CTL_HEALTH, WAY(CONTROL, CRYPTO) | WAY(CONTROL, SLIRP) |
	    WAY(WEB, CONTROL)),
	REQUEST(CTL_KILL_PEER, WAY(CONTROL, CRYPTO) | WAY(CONTROL, SLIRP)),
	REQUEST(CTL_SHOW_SETUP, WAY(CONTROL, PARENT) | CLIENTS),
	REQUEST(CTL_SHOW_INTERFACES, WAY(CONTROL, PARENT)),
	REQUEST(CTL_SHOW_NAMES, WAY(CONTROL, SLIRP) | WAY(WEB, CONTROL)),
	REQUEST(CTL_SHOW_FORWARDS, WAY(CONTROL, SLIRP)),
	REQUEST(CTL_SHOW_COUNTERS, WAY(CONTROL, CRYPTO) |
	    WAY(CONTROL, SLIRP) | WAY(CONTROL, DERP)),
	REQUEST(CTL_SHOW_DERP, WAY(CONTROL, DERP)),
	REQUEST(CTL_SHOW_PEERFLOWS, WAY(CONTROL, SLIRP)),
	REQUEST(CTL_SHOW_FLOWS, WAY(CONTROL, SLIRP) | WAY(WEB, CONTROL)),
	REQUEST(CTL_SHOW_RULES, WAY(CONTROL, SLIRP) | WAY(WEB, CONTROL)),
	REQUEST(CTL_KILL_FLOW, WAY(CONTROL, SLIRP) | WAY(WEB, CONTROL)),
	REQUEST(CTL_REFRESH, WAY(CONTROL, SLIRP)),
	REQUEST(CTL_FLUSH, WAY(CONTROL, SLIRP)),
	REQUEST(CTL_LOG, WAY(CONTROL, PARENT)),
	REQUEST(CTL_RELOAD, WAY(CONTROL, PARENT) | WAY(FILES, CONTROL)),
	REQUEST(CTL_NEXT, CLIENTS),
	REQUEST(CTL_SHOW_PROCESSES, WAY(WEB, CONTROL)),
	REQUEST(CTL_SHOW_FILES, WAY(WEB, CONTROL) | WAY(CONTROL, FILES)),
	{ CTL_EDIT, "CTL_EDIT", sizeof(struct ctl_edit), WAY(WEB, CONTROL) |
	    WAY(CONTROL, FILES), NO_FD },
	ANSWER(CTL_SUMMARY, sizeof(struct ctl_summary),
	    WAY(CRYPTO, CONTROL) | BACK),
	ANSWER(CTL_PEER, sizeof(struct ctl_peer), WAY(CRYPTO, CONTROL) |
	    BACK),
	ANSWER(CTL_AIP, sizeof(struct ctl_aip), WAY(CRYPTO, CONTROL) |
	    BACK),
	ANSWER(CTL_CRYPTO_COUNTERS, sizeof(struct crypto_counters),
	    WAY(CRYPTO, CONTROL)),
	ANSWER(CTL_DERP_COUNTERS, sizeof(struct derp_counters),
	    WAY(DERP, CONTROL)),
	ANSWER(CTL_PEERFLOWS, sizeof(struct ctl_peerflows),
	    WAY(SLIRP, CONTROL) | BACK),
	ANSWER(CTL_FLOW, sizeof(struct ctl_flow), WAY(SLIRP, CONTROL) |
	    WAY(CONTROL, WEB)),
	ANSWER(CTL_RULE, sizeof(struct ctl_rule), WAY(SLIRP, CONTROL) |
	    WAY(CONTROL, WEB)),
	ANSWER(CTL_SLIRP_COUNTERS, sizeof(struct slirp_counters),
	    WAY(SLIRP, CONTROL)),
	ANSWER(CTL_MORE, sizeof(struct ctl_more), BOTH |
	    WAY(PARENT, CONTROL) | WAY(FILES, CONTROL) | BACK),
	ANSWER(CTL_ENTRY, sizeof(struct ctl_entry), WAY(PARENT, CONTROL) |
	    WAY(SLIRP, CONTROL) | WAY(DERP, CONTROL) | WAY(FILES, CONTROL) |
	    WAY(CONTROL, WEB)),
	ANSWER(CTL_PACKET, sizeof(struct ctl_packet), WAY(SLIRP, CONTROL)),
	ANSWER(CTL_EVENT, sizeof(struct ctl_event), BOTH |
	    WAY(CONTROL, WEB)),
	ANSWER(CTL_SETUP, sizeof(struct ctl_setup), WAY(PARENT, CONTROL) |
	    BACK),
	ANSWER(CTL_END, 0, BOTH | WAY(PARENT, CONTROL) |
	    WAY(FILES, CONTROL) | BACK),
	ANSWER(CTL_OK, 0, BOTH | WAY(PARENT, CONTROL) |
	    WAY(FILES, CONTROL) | BACK),
	ANSWER(CTL_FAIL, CTL_TEXT_LEN, BOTH | WAY(PARENT, CONTROL) |
	    WAY(FILES, CONTROL) | BACK),
	ANSWER(CTL_PROCESS, sizeof(struct ctl_process), WAY(CONTROL, WEB)),
	ANSWER(CTL_CLIENT, sizeof(struct ctl_client), WAY(FILES, CONTROL) |
	    WAY(CONTROL, WEB))
};

static const struct msg_rule *
find(uint32_t type)
{
	size_t	 i;

	if (type > IMSG_NONE && type < IMSG_MAX)
		return (&imsgs[type]);
	for (i = 0; i < sizeof(ctls) / sizeof(ctls[0]); i++)
		if (ctls[i].type == type)
			return (&ctls[i]);
	return (NULL);
}

const char *
msg_wrong(enum proc_id from, enum proc_id to, uint32_t type, size_t len,
    int has_fd)
{
	const struct msg_rule	*r = find(type);

	if (r == NULL || from >= PROC_MAX || to >= PROC_MAX ||
	    !(r->ways & 1ULL << ((int)from * PROC_MAX + (int)to)))
		return ("which it may not");
	if (len != r->len)
		return ("which has a wrong length");
	if (!has_fd != !r->fd)
		return (has_fd ? "with a descriptor" :
		    "without its descriptor");
	return (NULL);
}

const char *
msg_name(uint32_t type)
{
	const struct msg_rule	*r = find(type);

	return (r != NULL ? r->name : "?");
}
