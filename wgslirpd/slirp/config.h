/* SPDX-License-Identifier: ISC */

#ifndef CONFIG_H
#define CONFIG_H

#include "net/peer.h"
#include "proc.h"

void		 slirp_config_begin(struct imsg *);
void		 slirp_config_commit(void);
void		 slirp_config_begin_hostaddrs(void);
void		 slirp_config_add_hostaddr(struct imsg *);
void		 slirp_config_swap_hostaddrs(void);
void		 slirp_config_stage(struct imsg *);
int		 slirp_config_work(void);
void		 slirp_config_add_peer(struct imsg *);
void		 slirp_config_drop_peer(struct imsg *);

#endif
