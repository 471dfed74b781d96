/* SPDX-License-Identifier: ISC */

#ifndef RULES_H
#define RULES_H

#include "config.h"

/* Rules, tables, services and names of a configuration. */
struct conf_table	*config_table_new(struct config *, const char *);
struct conf_service	*config_service_new(struct config *, enum service_kind,
		    uint8_t);
void		 config_rules_free(struct config *);
const char	*config_rules_check(struct config *, char *, size_t);
const char	*rule_text(const struct conf_rule *, char *, size_t);
void		 config_rules_send(const struct config *, struct imsgev *);
void		 config_service_send(const struct conf_service *,
		    const struct ipaddr *, int, struct imsgev *);
void		 config_dns_send(const struct config *, struct imsgev *);

#endif
