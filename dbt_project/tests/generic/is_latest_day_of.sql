{# The view shows the daily mart's rows of one day: the last that has any, days later than the stream's newest event left out. #}
{% test is_latest_day_of(model, daily, newest) %}
with latest_day as (
    select max(event_date) as event_date
    from {{ daily }}
    where event_date <= (select max({{ reporting_day('newest_event_at') }}) from {{ newest }})
),

expected as (
    select * from {{ daily }}
    where event_date = (select event_date from latest_day)
)

(select * from expected except all select * from {{ model }})
union all
(select * from {{ model }} except all select * from expected)
{% endtest %}
