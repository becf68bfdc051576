;; Refers to itself through the components around it.
(component
  (component $a
    (component $b
      (alias outer 1 0 (component $self))
      (instance (instantiate $self)))
    (instance (instantiate $b)))
  (instance (instantiate $a)))
