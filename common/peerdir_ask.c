/* SPDX-License-Identifier: ISC */

/* What the daemon knows of its peers, and what it is told. */

#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peerdir_ask.h"
#include "peerdir_file.h"

#define RETRIES		50		/* while a reload is under way */

void
pd_forget_peers(struct peerdir *p)
{
	size_t	 i;

	for (i = 0; i < p->npeers; i++)
		free(p->peer[i].aip);
	free(p->peer);
	p->peer = NULL;
	p->npeers = p->cap = 0;
}

static int
prefix_ok(const struct ipprefix *p)
{
	return ((p->addr.af == 4 || p->addr.af == 6) &&
	    p->len <= ipaddr_bits(&p->addr));
}

void
pd_record(struct peerdir *p, uint32_t type, const void *data, size_t len)
{
	const struct ctl_peer	*c = data;
	const struct ctl_aip	*a = data;
	struct known		*k;

	if (type == CTL_SETUP && len == sizeof(p->setup)) {
		memcpy(&p->setup, data, sizeof(p->setup));
		p->setup.config[sizeof(p->setup.config) - 1] = '\0';
		p->setup.peers_dir[sizeof(p->setup.peers_dir) - 1] = '\0';
		p->setup.public_host[sizeof(p->setup.public_host) - 1] = '\0';
	} else if (type == CTL_SUMMARY && len == sizeof(p->summary))
		memcpy(&p->summary, data, sizeof(p->summary));
	else if (type == CTL_AIP && len == sizeof(*a) &&
	    !prefix_ok(&a->prefix))
		return;
	else if (type == CTL_PEER && len == sizeof(*c)) {
		p->peer = pd_grow(p, p->peer, p->npeers, &p->cap,
		    sizeof(*p->peer));
		if (p->nomem)
			return;
		k = &p->peer[p->npeers++];
		memset(k, 0, sizeof(*k));
		memcpy(k->name, c->name, sizeof(k->name) - 1);
	} else if (type == CTL_AIP && len == sizeof(*a) && p->npeers > 0) {
		k = &p->peer[p->npeers - 1];
		k->aip = pd_grow(p, k->aip, k->naips, &k->cap, sizeof(*k->aip));
		if (!p->nomem)
			k->aip[k->naips++] = a->prefix;
	}
}

int
pd_ask(struct peerdir *p, uint32_t type)
{
	const char	*e;

	if ((e = p->d.ask(p->d.arg, type, p)) != NULL)
		return (pd_fail(p, "%s", e));
	return (p->nomem ? pd_fail(p, "out of memory") : 0);
}

int
pd_ask_peers(struct peerdir *p)
{
	pd_forget_peers(p);
	p->nomem = 0;
	return (pd_ask(p, CTL_SHOW_PEERS));
}

/*
 * What the daemon says is written into files, and is where they go: by root,
 * perhaps, and believed by wg-quick(8).  It is checked like anything from
 * outside.
 */
int
pd_check_setup(struct peerdir *p)
{
	const char	*host = p->setup.public_host, *s = p->setup.peers_dir;
	struct ipaddr	 a;
	struct stat	 sb;
	size_t		 i;

	for (i = 0; i < p->setup.naddrs && i < CTL_ADDRESSES; i++)
		if (!prefix_ok(&p->setup.addr[i]))
			break;
	if (i < p->setup.naddrs)
		return (pd_fail(p, "the daemon is of another version"));
	if (*host != '\0' && ipaddr_parse(&a, host) == -1 &&
	    !host_name_ok(host))
		return (pd_fail(p, "the daemon says that its public endpoint "
		    "is something else than a host"));
	for (i = 0; s[i] != '\0'; i++)
		if ((unsigned char)s[i] < ' ')
			return (pd_fail(p, "the folder of the peers has an "
			    "odd name"));
	if (*s != '\0' && *s != '/')
		return (pd_fail(p, "%.200s: not an absolute path", s));
	/* whose folder it is, or becomes */
	if (!p->given && *s != '\0' && geteuid() == 0 && lstat(s, &sb) == 0 &&
	    (!S_ISDIR(sb.st_mode) || sb.st_mode & (S_IWGRP | S_IWOTH)))
		return (pd_fail(p, "%.160s: not a folder that only its owner "
		    "can write", s));
	return (0);
}

int
pd_learn(struct peerdir *p, int make)
{
	p->nomem = 0;
	if (pd_ask(p, CTL_SHOW_SETUP) == -1 ||
	    pd_ask(p, CTL_SHOW_SUMMARY) == -1 || pd_ask_peers(p) == -1 ||
	    pd_check_setup(p) == -1)
		return (-1);
	if (p->setup.config[0] == '\0')
		return (pd_fail(p, "the daemon has its configuration from the "
		    "environment: peers are made there"));
	if (p->setup.peers_dir[0] == '\0')
		return (pd_fail(p, "no place for peers' files: add the line\n"
		    "\tinclude \"peers.d/*.conf\"\nto %.120s, and reload",
		    p->setup.config));
	if (p->given && !p->setup.files)
		return (pd_fail(p, "the folder of the peers' files is another "
		    "one now: it takes a restart to write there"));
	return (pd_open(p, make));
}

int
pd_known(const struct peerdir *p, const char *name)
{
	size_t	 i;

	for (i = 0; i < p->npeers; i++)
		if (strcmp(p->peer[i].name, name) == 0)
			return (1);
	return (0);
}

int
pd_reload(struct peerdir *p)
{
	int	 i, r = -1;

	for (i = 0; i < RETRIES; i++) {
		r = pd_ask(p, CTL_RELOAD);
		if (r == 0 || strcmp(p->err, "a reload is under way") != 0)
			break;
		p->d.wait(p->d.arg);
	}
	return (r);
}

/*
 * The same when something was taken back that the daemon may have read by now:
 * what went wrong stays what is told.
 */
void
pd_reload_back(struct peerdir *p)
{
	char	 why[CTL_TEXT_LEN];

	strlcpy(why, p->err, sizeof(why));
	(void)pd_reload(p);
	strlcpy(p->err, why, sizeof(p->err));
}
