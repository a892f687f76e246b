"""Talk: one package a surface; siblings never import each other."""
