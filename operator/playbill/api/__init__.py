"""The resources of `playbill.dev/v1alpha1`: models, conditions and the CRDs made of them."""
