/* SPDX-License-Identifier: ISC */

#ifndef RULES_H
#define RULES_H

#include "config.h"

const char	*rule_text(const struct conf_rule *, char *, size_t);

#endif
