/* SPDX-License-Identifier: ISC */

#include "state.h"

struct parent_state	 env;
