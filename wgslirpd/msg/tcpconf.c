/* SPDX-License-Identifier: ISC */

#include <string.h>

#include "tcpconf.h"

static const char *const	 cc_names[CC_MAX] = {
	[CC_NEWRENO] = "newreno",
	[CC_CUBIC] = "cubic",
	[CC_BBR] = "bbr",
	[CC_OFF] = "off"
};

const char *const	 tcpconf_host_cc[] = {
	"system", "cubic", "reno", "bbr", "htcp", "illinois", "vegas",
	"westwood", "yeah", NULL
};

const char *
tcpconf_cc_name(enum cc_id id)
{
	return (cc_names[id]);
}

int
tcpconf_cc(const char *name)
{
	int	 i;

	for (i = 0; i < CC_MAX; i++)
		if (strcmp(cc_names[i], name) == 0)
			return (i);
	return (-1);
}

void
tcpconf_defaults(struct conf_tcp *c)
{
	memset(c, 0, sizeof(*c));
	c->ack_delay = 10;
	c->cc = CC_DEFAULT;
	c->gate_log = GATE_INFO;
	c->idle_gate = 6000;
	c->ecn = 1;
	c->host_idle = 600;
	c->host_timeout = 900;
	c->idle_fail = 900;
	c->iw = TCP_IW_SEGS;
	c->sack = 1;
	c->window = TCP_WND_START;
	c->wscale = TCP_WSCALE;
}
