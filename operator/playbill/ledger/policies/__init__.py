"""PromotionPolicies: what is asked of a promotion, and whether it holds. Pure."""
