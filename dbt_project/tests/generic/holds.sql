{#
    Every row fulfils the condition; null counts as no. `stream`: only rows of its newest loads are asked, where all that ever landed
    would take longer each day.
#}
{% test holds(model, condition, stream=none) %}
select *
from {{ model }}
where
    ({{ condition }}) is not true
    {% if stream %}and {{ is_of_newest_loads('load_id', stream) }}{% endif %}
{% endtest %}
