{#
    Each value of the column is one of the other relation's, as in dbt's relationships, of events whose fact is there: those whose fact
    was let go (macros/let_go.sql) are known by their key.
#}
{% test relationships_while_kept(model, column_name, to, field, stream) %}
select child.{{ column_name }}
from {{ model }} as child
left join {{ to }} as parent on child.{{ column_name }} = parent.{{ field }}
where
    child.{{ column_name }} is not null
    and parent.{{ field }} is null
    and not ({{ something_is_let_go([stream]) }} and ops.was_let_go('{{ stream }}', child.{{ column_name }}))
{% endtest %}
