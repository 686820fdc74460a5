#!/bin/sh
# Restarts without a refused connection, by Server::Starter (Debian: libserver-starter-perl): it
# holds the socket, and at SIGHUP starts a new nikawa before it stops the old one, which finishes
# what it has in flight. Rotated logs are opened anew by sending SIGHUP to nikawa itself.
exec start_server --port 127.0.0.1:3000 --signal-on-hup=TERM --interval=3 \
    --pid-file=/run/nikawa.starter.pid --status-file=/run/nikawa.starter.status \
    -- /usr/sbin/nikawa --access-log-dir /var/log/nikawa --shutdown-timeout 60s
