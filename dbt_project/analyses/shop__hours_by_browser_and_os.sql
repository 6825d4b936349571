-- With which browsers and operating systems was the shop viewed in each hour of today, with and without bots?
select
    event_date,
    event_hour,
    browser,
    os,
    views,
    human_views
from {{ ref('kpi_browser_os_hourly') }}
where event_date = current_date
order by event_hour desc, views desc, browser asc, os asc
