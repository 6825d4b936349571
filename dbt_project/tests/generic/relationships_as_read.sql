{#
    Each value of the column is one of the other relation's, as in dbt's relationships; asked of the loads of a stream that the other has
    read, since a run may have moved the one on and not yet the other.
#}
{% test relationships_as_read(model, column_name, to, field, stream) %}
select child.{{ column_name }}
from {{ model }} as child
left join {{ to }} as parent on child.{{ column_name }} = parent.{{ field }}
where
    child.{{ column_name }} is not null
    and parent.{{ field }} is null
    and child.load_id <= {{ position_in(to, stream) }}
{% endtest %}
