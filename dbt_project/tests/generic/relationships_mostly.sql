{#
    At least a share of the newest events names something that is in the master data, where there are events enough to judge and any
    master data: a file of another system would show nobody's name. An id that is unknown is no fault of the models.
#}
{% test relationships_mostly(model, column_name, to, field, stream, at_least=0.5, of_events=100) %}
with child as (
    select * from {{ model }}
    where {{ is_of_newest_loads('load_id', stream) }}
)

select
    count(*) as events,
    count(parent.{{ field }}) as known
from child
left join {{ to }} as parent on child.{{ column_name }} = parent.{{ field }}
where
    child.{{ column_name }} is not null
    and exists (select from {{ to }})
having count(*) >= {{ of_events }} and count(parent.{{ field }}) < {{ at_least }} * count(*)
{% endtest %}
