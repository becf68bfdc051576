;; Instantiates a component it imports, so that nobody can count what that instantiates.
(component
  (import "other" (component $c))
  (instance (instantiate $c)))
