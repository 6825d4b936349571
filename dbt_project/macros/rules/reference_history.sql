{#
    Every version of the rows of a table of master data. `landfall reference load` sets loaded_at when a row changes, and removed_at
    when the source no longer has it: that is a version of its own. Categories are not kept: nothing is counted by them.
#}
{% macro reference_history(relation) -%}
select
    *,
    greatest(loaded_at, removed_at) as changed_at
from {{ relation }}
{%- endmacro %}
