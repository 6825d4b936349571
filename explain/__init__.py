"""Why a figure is what it is: what a visitor is made of, and what an order's path was credited with, from the marts."""
