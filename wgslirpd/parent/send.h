/* SPDX-License-Identifier: ISC */

#ifndef SEND_H
#define SEND_H

#include "config.h"
#include "proc.h"

void		 config_service_send(const struct conf_service *,
		    const struct ipaddr *, int, struct imsgev *);
void		 send_peer_name(struct imsgev *, uint32_t,
		    const struct conf_peer *);
void		 config_send(const struct config *);
void		 config_send_relays(const struct config *);
int		 config_send_hostaddrs(void);

#endif
