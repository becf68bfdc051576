/* What the step must be granted. */
#ifndef PORTS_H
#define PORTS_H

#include "stepcell.h"

stepcell_outcome fetches(stepcell_json input);
stepcell_outcome reveals(stepcell_json input);
stepcell_outcome keeps(stepcell_json input);
stepcell_outcome exceeds(stepcell_json input);

#endif
