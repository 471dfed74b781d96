/* SPDX-License-Identifier: ISC */

/*
 * Flows that began under another policy are judged again.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include "judge.h"
#include "log.h"
#include "net/policy.h"
#include "net/table.h"

void
judge_next(struct slirp *s)
{
	if (++s->policy == 0)
		s->policy = 1;
}

/* Does the policy of today let a flow of yesterday go on? */
static int
still_passes(const struct slirp *s, const struct flow *f)
{
	/* rules mean both families when they say icmp */
	uint8_t	 proto = s->flow_ops[f->type]->ipproto[0];
	int	 local = own_address(s, &f->dst);

	/* of a port that was asked for, those who come are judged */
	if ((f->via != VIA_GUEST && f->via != VIA_PORT) ||
	    f->target == TARGET_DNS || f->kept)
		return (1);
	/* what leads to loopback has to do so still */
	if (f->target == TARGET_LOOPBACK && !local)
		return (0);
	return (policy_would_pass(s, f->peer, &f->src, &f->dst,
	    proto, proto == IPPROTO_ICMP ? 0 : f->dport, local));
}

/* End the flows that the rules would not let begin any more. */
void
judge_all(struct slirp *s)
{
	struct flow	*f;
	uint64_t	 at = 0;
	uint32_t	 n = 0;

	/* of a mapping, all whom it talks to, when they do */
	judge_next(s);
	while ((f = table_next(s, &at)) != NULL)
		if (!still_passes(s, f)) {
			flow_kill(s, f);
			n++;
		}
	log_info("flush: %u flows ended", n);
}

/*
 * The host's own addresses are others than before: end the flows that led to
 * what is closed to guests by now.
 */
void
judge_closed(struct slirp *s)
{
	struct flow	*f;
	uint64_t	 at = 0;
	uint32_t	 n = 0;

	judge_next(s);
	while ((f = table_next(s, &at)) != NULL)
		if (policy_builtin(s, &f->dst) && !still_passes(s, f)) {
			flow_kill(s, f);
			n++;
		}
	if (n > 0)
		log_info("%u flows ended: they led to addresses of this host",
		    n);
}
