"""Critics of two inputs that sort: their exact constant, by branch and bound over the orders of their numbers."""
