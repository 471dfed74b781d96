/* SPDX-License-Identifier: ISC */

#include "state.h"

struct crypto_state	 ce;
