/* SPDX-License-Identifier: ISC */

#ifndef CONFIG_H
#define CONFIG_H

#include "proc.h"

void		 crypto_config_drop_own_key(void);
void		 crypto_config_stage(struct imsg *);
void		 crypto_config_commit(void);

#endif
