{#
    Each value of the newest events is one of the other relation's, as in dbt's relationships. `as_read_by`: the table whose position
    says how many loads the other has read, where that is one of the stream's.
#}
{% test relationships_of_new_events(model, column_name, to, field, stream, as_read_by=none) %}
with child as (
    select * from {{ model }}
    where {{ is_of_newest_loads('load_id', stream) }}
)

select child.{{ column_name }}
from child
left join {{ to }} as parent on child.{{ column_name }} = parent.{{ field }}
where
    child.{{ column_name }} is not null
    and parent.{{ field }} is null
    {% if as_read_by %}and child.load_id <= {{ position_in(as_read_by, stream) }}{% endif %}
{% endtest %}
