-- In which hours of the last week was a product viewed, with and without bots? --vars 'product: "110474"'
select
    event_date,
    event_hour,
    views,
    human_views
from {{ ref('kpi_product_views_hourly') }}
where product_id = '{{ var("product", "110474") }}' and event_date > current_date - 7
order by event_date desc, event_hour desc
