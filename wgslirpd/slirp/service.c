/* SPDX-License-Identifier: ISC */

/*
 * What listens on the host on behalf of the tunnel, by the configuration.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "far.h"
#include "forward.h"
#include "fwdudp.h"
#include "log.h"
#include "proxy.h"
#include "route.h"
#include "service.h"

TAILQ_HEAD(listeners, fwd_listener);

static struct listeners	 listeners = TAILQ_HEAD_INITIALIZER(listeners);
static struct listeners	 staged = TAILQ_HEAD_INITIALIZER(staged);

/* One more service of the configuration that is being staged. */
void
service_stage(const struct service *s, int fd)
{
	struct fwd_listener	*l;

	if ((l = listener_new(s, fd, s->kind == SERVICE_PROXY ? &proxy_ops :
	    s->proto == IPPROTO_TCP ? &forward_tcp_ops : &fwdudp_ops)) == NULL)
		fatal(NULL);
	TAILQ_INSERT_TAIL(&staged, l, entry);
}

/* Who may use the last of them; -1 if there is none. */
int
service_stage_allow(const struct ipprefix *p)
{
	struct fwd_listener	*l = TAILQ_LAST(&staged, listeners);
	struct ipprefix		*v;

	if (l == NULL)
		return (-1);
	v = recallocarray(l->allow, l->nallow, l->nallow + 1, sizeof(*v));
	if (v == NULL)
		fatal(NULL);
	l->allow = v;
	l->allow[l->nallow++] = *p;
	return (0);
}

int
service_stage_user(const struct service_user *u)
{
	struct fwd_listener	*l = TAILQ_LAST(&staged, listeners);
	struct service_user	*v;

	if (l == NULL)
		return (-1);
	v = recallocarray(l->users, l->nusers, l->nusers + 1, sizeof(*v));
	if (v == NULL)
		fatal(NULL);
	l->users = v;
	l->users[l->nusers] = *u;
	l->users[l->nusers].name[USER_LEN - 1] = '\0';
	l->users[l->nusers++].password[USER_LEN - 1] = '\0';
	return (0);
}

/* What was staged takes the place of what there was. */
void
service_commit(void)
{
	struct fwd_listener	*l, *old, *next;

	TAILQ_FOREACH(l, &staged, entry) {
		TAILQ_FOREACH_SAFE(old, &listeners, entry, next)
			if (memcmp(&old->s, &l->s, sizeof(l->s)) == 0)
				l->ops->take_over(l, old);
	}
	while ((old = TAILQ_FIRST(&listeners)) != NULL) {
		TAILQ_REMOVE(&listeners, old, entry);
		listener_free(old);
	}
	TAILQ_CONCAT(&listeners, &staged, entry);
	TAILQ_FOREACH(l, &listeners, entry)
		if (listener_watch(l) == -1)
			fatalx("cannot watch a forward");
}

int
service_forward_at(uint64_t *n, char *name, size_t nlen, char *value,
    size_t vlen)
{
	const struct fwd_listener	*l;
	char				 at[ADDR_STRLEN];

	TAILQ_FOREACH(l, &listeners, entry) {
		if (l->s.kind != SERVICE_FORWARD)
			continue;
		if ((*n)-- > 0)
			continue;
		snprintf(name, nlen, "%s %s", l->s.proto == IPPROTO_TCP ?
		    "tcp" : "udp", ipport_str(&l->s.addr, l->s.port, at,
		    sizeof(at)));
		(void)ipport_str(&l->s.dst, l->s.dport, value, vlen);
		return (0);
	}
	return (-1);
}

/* The guest has answered a client's connection, or error says why not. */
static void
answered(struct flow *f, int error)
{
	if (f->via == VIA_SOCKS || f->via == VIA_HTTP)
		proxy_answered(f->fd, (enum flow_via)f->via, error);
}

static const struct client_ops	 client_ops = {
	.answered = answered,
	.reply = fwdudp_reply,
	.forget = fwdudp_forget
};

/* One of another worker's connections that came here. */
static void
refuse(int fd, enum flow_via via)
{
	if (via == VIA_FORWARD) {
		forward_refuse(fd);
		return;
	}
	proxy_answered(fd, via, EHOSTUNREACH);
	close(fd);
}

static const struct far_ops	 far_ops = {
	.refuse = refuse,
	.deliver = fwdudp_deliver,
	.is_client = fwdudp_is_client,
	.reply = fwdudp_reply,
	.end = fwdudp_end
};

void
service_init(struct slirp *s, int (*ask)(const struct route_msg *))
{
	s->clients = &client_ops;
	route_init(s, ask);
	fwdudp_init(s);
	forward_init(s);
	far_init(s, &far_ops);
	proxy_init(s);
}
