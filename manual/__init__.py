"""The documentation: reference pages made from the product, its site, and pictures of the running system."""
