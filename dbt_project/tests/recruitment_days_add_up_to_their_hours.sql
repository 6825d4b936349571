-- Every daily mart of the recruitment ads shows the clicks and the spend of the day's hours.
{% set marts = {
    'kpi_campaigns_daily': ref('int_campaign_tracks__daily'),
    'kpi_publishers_daily': ref('int_publisher_tracks__daily'),
    'kpi_companies_daily': ref('int_job_tracks__daily'),
} %}

with hours as (
    select event_date, sum(clicks) as clicks, sum(spend_hour) as spend from {{ ref('kpi_jobs_hourly') }} group by 1
),

{% for mart in marts %}
    {{ mart }} as (
        select event_date, sum(clicks) as clicks, sum(spend) as spend from {{ ref(mart) }} group by 1
    ),
{% endfor %}

days as (
    {% for mart, relation in marts.items() %}
        select '{{ mart }}' as mart, {{ mart }}.*, hours.clicks as clicks_of_hours, hours.spend as spend_of_hours
        from hours
        full join {{ mart }} on hours.event_date = {{ mart }}.event_date
        where {{ are_as_far('job_tracking', [relation, ref('int_job_events__hourly')]) }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from days
where (clicks, spend) is distinct from (clicks_of_hours, spend_of_hours)
