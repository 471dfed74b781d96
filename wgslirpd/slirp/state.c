/* SPDX-License-Identifier: ISC */

#include "state.h"

struct slirp_state	 se;
