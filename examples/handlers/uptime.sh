#!/bin/sh
# Plain text on standard output is a whole answer:   exec = ["/bin/sh", "uptime.sh"]
# The turn comes on standard input, as JSON; this one does not care for it.
echo "This host has been up for $(cut -d. -f1 /proc/uptime) seconds."
