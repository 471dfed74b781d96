/* SPDX-License-Identifier: ISC */

#include <string.h>

#include "merge.h"

int
merge_wanted(uint32_t type)
{
	return (type == CTL_SUMMARY || type == CTL_CRYPTO_COUNTERS ||
	    type == CTL_SLIRP_COUNTERS || type == CTL_RULE);
}

void
merge_begin(struct merge *m)
{
	m->at = 0;
}

/* Counters are numbers of 64 bits and nothing else. */
static void
add_counters(void *to, const void *from, size_t len)
{
	uint64_t	 a, b;
	size_t		 i;

	for (i = 0; i < len; i += sizeof(a)) {
		memcpy(&a, (const char *)to + i, sizeof(a));
		memcpy(&b, (const char *)from + i, sizeof(b));
		a += b;
		memcpy((char *)to + i, &a, sizeof(a));
	}
}

static void
add_summary(struct ctl_summary *to, const struct ctl_summary *from)
{
	to->rx_bytes += from->rx_bytes;
	to->tx_bytes += from->tx_bytes;
	to->peers += from->peers;
	to->peers_active += from->peers_active;
	to->paused |= from->paused;
}

static void
add_slirp(struct slirp_counters *to, const struct slirp_counters *from)
{
	uint64_t	 nofile = to->nofile_soft, icmp = to->icmp_available;

	add_counters(to, from, sizeof(*to));
	/* what each of them has, and is no number of anything */
	to->nofile_soft = nofile;
	to->icmp_available = icmp;
}

/* Rules have the same places in all, but for a moment during a reload. */
static void
add_rule(struct merge *m, const struct ctl_rule *r)
{
	struct ctl_rule	*to = &m->rules[m->at];

	if (m->at == CTL_PORTION)
		return;
	m->at++;
	if (m->at > m->nrules) {
		*to = *r;
		m->nrules = m->at;
	} else if (to->number == r->number &&
	    memcmp(to->text, r->text, sizeof(to->text)) == 0)
		to->matches += r->matches;
}

void
merge_add(struct merge *m, uint32_t type, const void *data, size_t len)
{
	struct ctl_rule		 rule;
	struct ctl_summary	 summary;
	struct slirp_counters	 slirp;

	if (type == CTL_RULE) {
		memcpy(&rule, data, sizeof(rule));
		add_rule(m, &rule);
		return;
	}
	if (m->type != type) {
		m->type = type;
		memcpy(&m->sum, data, len);
		return;
	}
	switch (type) {
	case CTL_SUMMARY:
		memcpy(&summary, data, sizeof(summary));
		add_summary(&m->sum.summary, &summary);
		break;
	case CTL_SLIRP_COUNTERS:
		memcpy(&slirp, data, sizeof(slirp));
		add_slirp(&m->sum.slirp, &slirp);
		break;
	default:
		add_counters(&m->sum, data, len);
	}
}

void
merge_end(struct merge *m, void (*fn)(void *, uint32_t, const void *, size_t),
    void *arg)
{
	struct merge	 copy = *m;
	int		 i;

	memset(m, 0, sizeof(*m));
	switch (copy.type) {
	case CTL_SUMMARY:
		fn(arg, copy.type, &copy.sum, sizeof(copy.sum.summary));
		break;
	case CTL_CRYPTO_COUNTERS:
		fn(arg, copy.type, &copy.sum, sizeof(copy.sum.crypto));
		break;
	case CTL_SLIRP_COUNTERS:
		fn(arg, copy.type, &copy.sum, sizeof(copy.sum.slirp));
		break;
	}
	for (i = 0; i < copy.nrules; i++)
		fn(arg, CTL_RULE, &copy.rules[i], sizeof(copy.rules[i]));
}
