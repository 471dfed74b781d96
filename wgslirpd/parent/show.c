/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "children.h"
#include "config.h"
#include "listen.h"
#include "show.h"
#include "state.h"

void
show_absolute(char out[CTL_PATH_LEN], const char *path)
{
	out[0] = '\0';
	if (*path != '/' && env.cwd[0] != '\0') {
		strlcpy(out, env.cwd, CTL_PATH_LEN);
		strlcat(out, "/", CTL_PATH_LEN);
	}
	strlcat(out, path, CTL_PATH_LEN);
}

void
show_setup(uint32_t id)
{
	const struct config		*c = env.conf;
	const struct conf_prefix	*p;
	struct ctl_setup		 m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.cwd, env.cwd, sizeof(m.cwd));
	if (!env.from_env) {
		show_absolute(m.config, env.path);
		if (c->peers_dir != NULL)
			show_absolute(m.peers_dir, c->peers_dir);
		m.files = env.child[PROC_FILES].on &&
		    strcmp(m.peers_dir, env.files_dir) == 0;
	}
	if (c->public_host != NULL)
		strlcpy(m.public_host, c->public_host,
		    sizeof(m.public_host));
	m.public_port = c->public_port;
	m.port = listen_port(&env.listens);
	m.mtu = c->g.mtu;
	m.dns = c->g.dns;
	TAILQ_FOREACH(p, &c->addresses, entry)
		if (m.naddrs < CTL_ADDRESSES)
			m.addr[m.naddrs++] = p->prefix;
	imsgev_must(&env.child[PROC_CONTROL].iev, CTL_SETUP, id, -1, &m,
	    sizeof(m));
	imsgev_must(&env.child[PROC_CONTROL].iev, CTL_END, id, -1, NULL, 0);
}

/* What is being told: a portion of all entries. */
struct portion {
	uint32_t	 id;
	uint64_t	 first;
	uint64_t	 n;		/* entries so far */
};

/* One more entry, if it belongs to the portion. */
static void
entry(struct portion *p, const char *kind, const char *name, const char *value)
{
	struct ctl_entry	 m;

	if (p->n++ < p->first || p->n > p->first + CTL_PORTION)
		return;
	memset(&m, 0, sizeof(m));
	strlcpy(m.kind, kind, sizeof(m.kind));
	strlcpy(m.name, name, sizeof(m.name));
	strlcpy(m.value, value, sizeof(m.value));
	imsgev_must(&env.child[PROC_CONTROL].iev, CTL_ENTRY, p->id, -1, &m,
	    sizeof(m));
}

/* Where a socket listens, as "udp 0.0.0.0:51820". */
static void
listening(struct portion *p, const char *kind, int proto,
    const struct ipaddr *addr, uint16_t port, const char *value)
{
	char		 at[ADDR_STRLEN], text[ADDR_STRLEN + 8];

	if (addr->af == 0)
		snprintf(at, sizeof(at), "*:%u", port);
	else
		ipport_str(addr, port, at, sizeof(at));
	snprintf(text, sizeof(text), "%s %s", proto == IPPROTO_UDP ? "udp" :
	    "tcp", at);
	entry(p, kind, text, value);
}

void
show_interfaces(uint32_t id, const struct ctl_request *req)
{
	static const char *const	 kinds[] = { "forward", "proxy",
					    "metrics", "relay", "web" };
	struct portion			 p = { id, req->cursor, 0 };
	const struct conf_prefix	*a;
	const struct service		*s;
	struct ctl_more			 more = { 0 };
	char				 text[ADDR_STRLEN], mtu[16];
	int				 i;

	for (i = 0; i < env.listens.n; i++)
		listening(&p, "wireguard", IPPROTO_UDP, &env.listens.addr[i],
		    env.listens.port[i], env.activated_udp ?
		    "given by the service manager" : "");
	snprintf(mtu, sizeof(mtu), "mtu %u", env.conf->g.mtu);
	TAILQ_FOREACH(a, &env.conf->addresses, entry)
		entry(&p, "tunnel", ipprefix_str(&a->prefix, text,
		    sizeof(text)), mtu);
	for (i = 0; i < env.services.n; i++) {
		s = &env.services.v[i].s->s;
		text[0] = '\0';
		if (s->kind == SERVICE_FORWARD)
			ipport_str(&s->dst, s->dport, text, sizeof(text));
		if (s->kind == SERVICE_RELAY)
			key_to_node(text, NODE_PUBLIC, s->key);
		if (env.services.v[i].path[0] != '\0') {
			entry(&p, kinds[s->kind], env.services.v[i].path, "");
			continue;
		}
		listening(&p, kinds[s->kind], s->proto,
		    &env.services.v[i].addr, s->port, text);
	}
	entry(&p, "control", env.socket[0] != '\0' ? env.socket : "-",
	    env.socket_made ? "" : "given by the service manager");
	if (env.uapi_made)
		entry(&p, "uapi", env.uapi_path, env.conf->uapi_name);
	if (p.n > p.first + CTL_PORTION) {
		more.cursor = p.first + CTL_PORTION;
		imsgev_must(&env.child[PROC_CONTROL].iev, CTL_MORE, id, -1,
		    &more, sizeof(more));
		return;
	}
	imsgev_must(&env.child[PROC_CONTROL].iev, CTL_END, id, -1, NULL, 0);
}
