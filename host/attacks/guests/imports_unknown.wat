;; Imports a function of nobody.
(component
  (import "host-give-me-root" (func)))
