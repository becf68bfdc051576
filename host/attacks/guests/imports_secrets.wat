;; Imports secrets, which no world has.
(component
  (import "stepcell:handler/secrets@0.1.0" (instance (export "names" (func (result (list string)))))))
