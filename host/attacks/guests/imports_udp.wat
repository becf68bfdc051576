;; Imports UDP with a function that WASI does not have.
(component
  (import "wasi:sockets/udp@0.2.12" (instance (export "open-everything" (func)))))
